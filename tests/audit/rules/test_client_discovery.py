"""How a client finds the authorization server: challenges, metadata, issuers."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_discovery import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-DISC-01",
        "CL-DISC-02",
        "CL-DISC-03",
        "CL-DISC-04",
        "CL-DISC-05",
        "CL-DISC-06",
        "CL-DISC-07",
        "CL-DISC-08",
        "CL-DISC-09",
        "CL-DISC-10",
    ]
