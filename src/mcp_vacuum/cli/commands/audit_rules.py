"""`mcp-vacuum audit rules`."""

from __future__ import annotations

from typing import Any

from mcp_vacuum.audit.rule import Rule
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui


@command("mcp-vacuum audit rules --json")
def rules(ui: Ui) -> None:
    """List every rule of the catalogue: what it asks, how bad a breach is, and whether it is checked.

    A planned rule says why nothing checks it; so does a rule of which only a part is checked.
    """
    members = {
        "rules": [_as_json(rule) for rule in CATALOGUE],
        "implemented": sum(rule.implemented for rule in CATALOGUE),
        "planned": sum(not rule.implemented for rule in CATALOGUE),
    }
    ui.result(members, _text(ui, members))


def _as_json(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "title": rule.title,
        "level": rule.level.value,
        "severity": rule.severity.word,
        "state": rule.state,
        "kinds": [kind.value for kind in rule.kinds],
        "checked": [kind.value for kind in rule.checks],
        "because": rule.because,
        "sources": list(rule.sources),
        "fix": rule.fix,
    }


def _text(ui: Ui, members: dict[str, Any]) -> str:
    lines: list[str] = []
    for rule in CATALOGUE:
        mark = ui.good("checked") if rule.implemented else ui.dim("planned")
        lines.append(f"{rule.id:<12}  {mark}  {rule.severity.word:<8}  {rule.title}")
        if rule.missing:
            what = ", ".join(kind.value for kind in rule.missing)
            lines.append(ui.dim(f"{'':14}{what} not checked: {rule.because}"))
    lines += ["", f"{members['implemented']} rules are checked, {members['planned']} are planned"]
    return "\n".join(lines)
