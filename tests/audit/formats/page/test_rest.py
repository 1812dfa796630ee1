"""What was not checked and why, folded away."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.rest import by_reason, folded, titles
from tests.audit.planted.server import audited


def test_rules_of_one_reason_are_together() -> None:
    report = audited()
    reasons = by_reason(report, "INCONCLUSIVE")
    rules = [rule for each in reasons.values() for rule in each]

    assert rules
    assert len(rules) == len(set(rules))


def test_each_rule_has_its_title_and_all_are_folded() -> None:
    text = folded(audited())

    assert "<details" in text
    assert titles()["AS-PKCE-01"] in text or "AS-PKCE-01" in text
