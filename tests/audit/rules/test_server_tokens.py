"""Access tokens as an authorization server issues them."""

from __future__ import annotations

from mcp_vacuum.audit.rules.server_tokens import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-TOK-01",
        "AS-TOK-02",
        "AS-TOK-03",
        "AS-TOK-04",
        "AS-TOK-05",
        "AS-TOK-06",
        "AS-TOK-07",
    ]
