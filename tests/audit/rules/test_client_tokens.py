"""What a client does with codes, access tokens, refresh tokens and ID tokens."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_tokens import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-TOK-01",
        "CL-TOK-04",
        "CL-TOK-07",
        "CL-TOK-09",
    ]
