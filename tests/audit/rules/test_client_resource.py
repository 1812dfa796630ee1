"""What a client asks a token for: resource (RFC 8707) and scope."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_resource import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-RES-01",
        "CL-RES-02",
        "CL-RES-03",
        "CL-SCOPE-01",
        "CL-SCOPE-02",
        "CL-SCOPE-05",
    ]
