"""State rules."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence import flow
from mcp_vacuum.audit.rules.client_state import RULES
from tests.audit.conftest import altered, audit, client, found


@pytest.mark.parametrize("state", [None, "", "1", "1234567890123456789012345", "abc", "deadbeef" * 3])
def test_a_state_that_is_missing_or_guessable_is_found(state: str | None) -> None:
    assert "CL-STATE-01" in found(audit(altered(state=state)))


def test_a_client_that_takes_any_answer_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_accepts", lambda *_args, **_answer: True)
    report = audit(client())

    assert {"CL-STATE-02", "CL-REDIR-05"} == found(report)


def test_the_check_of_this_package_refuses_both_forged_answers() -> None:
    assert "CL-STATE-02" in audit(client(issuer="https://as.example")).passed


def test_a_client_whose_check_cannot_be_tried_is_inconclusive() -> None:
    class Foreign:
        client_id = "x"
        redirect_uri = "http://127.0.0.1/callback"
        storage = None

        def authorization_request(self) -> str:
            return client().authorization_request().url

    report = audit(Foreign())

    assert "CL-STATE-02" not in report.passed
    assert dict(report.not_checked)["CL-STATE-02"].startswith("INCONCLUSIVE")


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-STATE-01", "CL-STATE-02", "CL-STATE-03"]
