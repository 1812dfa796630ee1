"""What a client does with codes, access tokens, refresh tokens and ID tokens."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_tokens import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-TOK-01",
        "CL-TOK-02",
        "CL-TOK-03",
        "CL-TOK-04",
        "CL-TOK-05",
        "CL-TOK-06",
        "CL-TOK-07",
        "CL-TOK-08",
        "CL-TOK-09",
        "CL-RT-01",
        "CL-RT-02",
        "CL-RT-03",
        "CL-OIDC-01",
    ]
