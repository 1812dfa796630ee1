"""Lifetime rule."""

from __future__ import annotations

import time

import pytest

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.store_lifetime import (
    RULES,
    refresh_tokens_do_not_last,
    stored_tokens_are_short_lived,
)
from mcp_vacuum.safety.secret import Secret
from tests.audit.conftest import audit, client, found
from tests.audit.machine import DAY, credential
from tests.audit.stored import evidence, judged


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


@pytest.mark.parametrize(
    ("given", "verdict"), [(3600, "PASS"), (3630, "PASS"), (3700, "FAIL"), (300, "WARN")]
)
def test_a_lifetime_by_its_dates_has_some_slack(given: int, verdict: str) -> None:
    now = time.time()
    login = credential(lifetime=None, created_at=now - 100, refreshed_at=now, expires_at=now + given)

    assert judged(stored_tokens_are_short_lived, evidence(login)).verdict.value == verdict


def test_a_machine_grant_that_is_over_needs_nobody() -> None:
    over = time.time() - 3 * DAY
    login = credential(
        grant="client_credentials", refresh_token=None, created_at=over - 3600, expires_at=over
    )

    assert judged(stored_tokens_are_short_lived, evidence(login)).verdict is Verdict.PASS


def test_a_bound_refresh_token_may_be_old() -> None:
    old = credential(created_at=time.time() - 200 * DAY, dpop_key=Secret("{}"))

    assert judged(refresh_tokens_do_not_last, evidence(old)).verdict is Verdict.PASS


def test_whether_tokens_rotate_cannot_be_seen() -> None:
    used = credential(refreshed_at=time.time())

    assert judged(refresh_tokens_do_not_last, evidence(used)).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "ST-LIFE-01",
        "ST-LIFE-02",
        "ST-LIFE-03",
        "ST-LIFE-04",
    ]
