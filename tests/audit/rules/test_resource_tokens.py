"""Which tokens an MCP server takes."""

from __future__ import annotations

from mcp_vacuum.audit.rules.resource_tokens import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "RS-TOK-01",
        "RS-TOK-02",
        "RS-TOK-03",
        "RS-TOK-04",
        "RS-TOK-05",
        "RS-TOK-06",
        "RS-TOK-07",
        "RS-TOK-08",
        "RS-TOK-09",
        "RS-TOK-10",
        "RS-TOK-11",
    ]
