"""The checks of a configuration file, by the rule that they belong to.

They stand apart from the rules of their families: what a file says is only a part of what a client does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from mcp_vacuum.audit.rule import Kind, Rule
from mcp_vacuum.audit.rules import config_local, config_network, config_oauth, config_secrets
from mcp_vacuum.audit.rules.config_words import ConfigCheck

CHECKS: Mapping[str, ConfigCheck] = {
    **config_network.CHECKS,
    **config_oauth.CHECKS,
    **config_local.CHECKS,
    **config_secrets.CHECKS,
}


def with_config_checks(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules, those of the table with their check of a configuration file."""
    return tuple(_attached(rule, CHECKS[rule.id]) if rule.id in CHECKS else rule for rule in rules)


def _attached(rule: Rule, config: ConfigCheck) -> Rule:
    """Add the check; words that the rule has already stay."""
    kinds = rule.kinds if Kind.CONFIG in rule.kinds else (*rule.kinds, Kind.CONFIG)
    checks = MappingProxyType({**rule.checks, Kind.CONFIG: config.check})
    because = rule.because if set(kinds) - checks.keys() else ""
    why = rule.why or " ".join((config.check.__doc__ or "").split())
    return replace(
        rule,
        kinds=kinds,
        checks=checks,
        because=because,
        why=why,
        bad=rule.bad or config.bad,
        good=rule.good or config.good,
    )
