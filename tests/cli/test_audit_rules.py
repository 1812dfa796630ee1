"""`mcp-vacuum audit rules`."""

from __future__ import annotations

from mcp_vacuum.audit.rules import CATALOGUE

from .conftest import CommandLine


def test_every_rule_is_listed_with_its_state(cli: CommandLine) -> None:
    members = cli.ok("audit", "rules", "--json").json

    assert [each["rule"] for each in members["rules"]] == [rule.id for rule in CATALOGUE]
    assert members["implemented"] + members["planned"] == 180
    assert all(each["because"] for each in members["rules"] if each["state"] == "planned")


def test_the_text_names_each_rule_and_counts(cli: CommandLine) -> None:
    out = cli.ok("audit", "rules").out

    assert all(rule.id in out for rule in CATALOGUE)
    assert out.strip().endswith("are planned")
