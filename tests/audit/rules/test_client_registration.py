"""How a client is known to a server, and how it proves to be that client."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_registration import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-REG-01",
        "CL-REG-02",
        "CL-REG-03",
        "CL-REG-04",
        "CL-REG-05",
        "CL-REG-06",
        "CL-REG-07",
        "CL-REG-08",
        "CL-REG-09",
        "CL-AUTH-01",
        "CL-AUTH-02",
    ]
