"""A client and hostile text, old servers, extension grants, local servers and elicitation."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_more import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-ERR-01",
        "CL-LEG-01",
        "CL-EXT-01",
        "CL-EXT-02",
        "CL-EXT-03",
        "CL-LOC-01",
        "CL-STDIO-01",
        "CL-ELIC-01",
    ]
