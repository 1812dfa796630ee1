"""Rules are values."""

from __future__ import annotations

from mcp_vacuum.audit.rules import CATALOGUE


def test_every_rule_teaches() -> None:
    for rule in CATALOGUE:
        assert rule.why.endswith("."), rule.id
        assert rule.title
        assert rule.sources
        assert rule.fix
