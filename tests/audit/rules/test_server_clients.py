"""Clients at an authorization server: authentication, registration, metadata documents."""

from __future__ import annotations

from mcp_vacuum.audit.rules.server_clients import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-CLI-01",
        "AS-CLI-02",
        "AS-CLI-03",
        "AS-CLI-04",
        "AS-CLI-05",
        "AS-CLI-06",
    ]
