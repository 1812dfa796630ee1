"""Where a client lets itself be sent: addresses, redirects, and what a browser opens."""

from __future__ import annotations

from mcp_vacuum.audit.rules.client_network import RULES


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-SSRF-01",
        "CL-SSRF-02",
        "CL-SSRF-03",
        "CL-SSRF-04",
        "CL-OPEN-01",
        "CL-OPEN-02",
        "CL-OPEN-03",
        "CL-OPEN-04",
    ]
