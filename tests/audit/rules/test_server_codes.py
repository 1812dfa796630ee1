"""Grants that must not be served, and authorization codes."""

from __future__ import annotations

from mcp_vacuum.audit.rules.server_codes import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-GRANT-01",
        "AS-CODE-01",
        "AS-CODE-02",
        "AS-CODE-03",
        "AS-CODE-04",
    ]
