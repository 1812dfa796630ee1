"""Whose answer it is: `iss`, and mix-up of two servers (RFC 9207)."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_issuer import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-ISS-01",
        "CL-ISS-02",
        "CL-ISS-03",
        "CL-ISS-04",
        "CL-ISS-05",
        "CL-ISS-06",
        "CL-ISS-07",
    ]
