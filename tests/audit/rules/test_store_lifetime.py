"""Lifetime rule."""

from __future__ import annotations

import pytest

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.rules.store_lifetime import RULES
from tests.audit.conftest import audit, client, found


@pytest.mark.parametrize(
    ("seconds", "issue"), [(3600, False), (3601, True), (86400, True), (900, False), (60, False)]
)
def test_only_more_than_an_hour_is_an_issue(
    memory_storage: SecureTokenStorage, seconds: int, issue: bool
) -> None:
    memory_storage.put_token("server", OAuth2Token("a", expires_in=seconds, refresh_token="r"))

    assert ("ST-LIFE-01" in found(audit(client(storage=memory_storage)))) is issue


def test_less_than_a_quarter_of_an_hour_is_a_remark(memory_storage: SecureTokenStorage) -> None:
    memory_storage.put_token("server", OAuth2Token("a", expires_in=300, refresh_token="r"))
    report = audit(client(storage=memory_storage))

    assert report.compliant
    assert [(f.rule.id, f.severity.word) for f in report.findings] == [("ST-LIFE-01", "info")]


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "ST-LIFE-01",
        "ST-LIFE-02",
        "ST-LIFE-03",
        "ST-LIFE-04",
        "ST-SCOPE-01",
        "ST-KEY-01",
        "ST-SEC-01",
    ]
