"""PKCE at an authorization server (RFC 7636, OAuth 2.1 §4.1)."""

from __future__ import annotations

from mcp_vacuum.audit.rules.server_pkce import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-PKCE-01",
        "AS-PKCE-02",
        "AS-PKCE-03",
        "AS-PKCE-04",
        "AS-PKCE-05",
        "AS-PKCE-06",
    ]
