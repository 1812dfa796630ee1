"""Checks of configuration files, attached to the catalogue."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.rule import Kind, Level, Severity, Verdict, planned
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.audit.rules.config import CHECKS, with_config_checks
from tests.audit.configured import judged


def test_every_check_belongs_to_a_rule() -> None:
    by_id = {rule.id: rule for rule in CATALOGUE}

    assert all(by_id[name].checks[Kind.CONFIG] is each.check for name, each in CHECKS.items())


def test_nothing_of_a_rule_is_lost() -> None:
    rule = planned(
        id="CL-PKCE-01",
        title="title",
        level=Level.MUST,
        severity=Severity.CRITICAL,
        sources=("source",),
        fix="fix",
        kinds=(Kind.CLIENT,),
        because="nobody has built it",
    )
    (attached,) = with_config_checks((rule,))

    assert attached.kinds == (Kind.CLIENT, Kind.CONFIG)
    assert attached.because == "nobody has built it"
    assert (attached.title, attached.fix, attached.severity) == ("title", "fix", Severity.CRITICAL)
    assert attached.why.endswith(".")


def test_a_rule_that_is_checked_whole_needs_no_reason() -> None:
    by_id = {rule.id: rule for rule in CATALOGUE}

    assert all(not by_id[name].because for name in ("CL-SCOPE-02", "CL-REG-09", "CL-REG-02", "CL-TOK-09"))


def test_words_of_a_rule_stay() -> None:
    pkce = next(rule for rule in CATALOGUE if rule.id == "CL-PKCE-01")

    assert "GET /authorize" in pkce.bad


@pytest.mark.parametrize("name", CHECKS)
def test_a_file_that_names_nobody_yet_is_not_applicable(name: str) -> None:
    assert judged(name, {"mcpServers": {}}).verdict is Verdict.NOT_APPLICABLE
