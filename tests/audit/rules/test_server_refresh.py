"""Refresh tokens at an authorization server, revocation and introspection."""

from __future__ import annotations

from mcp_vacuum.audit.rules.server_refresh import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-RT-01",
        "AS-RT-02",
        "AS-RT-03",
        "AS-RT-04",
        "AS-REV-01",
        "AS-INTRO-01",
    ]
