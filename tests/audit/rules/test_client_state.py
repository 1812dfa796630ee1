"""State rules."""

from __future__ import annotations

from secrets import token_urlsafe

import pytest

from mcp_vacuum.audit.evidence import flow
from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules import client_state as rules
from mcp_vacuum.audit.rules.client_state import RULES
from tests.audit.client_runs import CALLBACK, WORKED, judged, opened, redemption, run
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


# --- a client that was run ----------------------------------------------------------------------------------

SAME = "Jk7yQ0mZ3p4aT8sV1uXnRbL5cWdEfGhI2oKqM6tN9xY"
CAME = (Answer("the answer", "GET", CALLBACK, 200),)


def states(*values: str | None) -> Verdict:
    runs = [run(f"LAB-12/{number}", opened=(opened(state=value),)) for number, value in enumerate(values)]
    return judged(rules.state_of_a_client, *runs).verdict


@pytest.mark.parametrize("weak", [None, "12345", "eyJjbGllbnRfaWQiOiAiYSIsICJ1c2VyIjogImIifQ"])
def test_a_weak_state_of_a_client_is_found(weak: str | None) -> None:
    assert states(weak) is Verdict.FAIL


def test_a_state_that_repeats_is_found_and_ten_good_ones_are_believed() -> None:
    assert states(f"{SAME}a", f"{SAME}b") is Verdict.FAIL
    assert states(*[token_urlsafe(32) for _ in range(10)]) is Verdict.PASS
    assert states(*[token_urlsafe(32) for _ in range(9)]) is Verdict.INCONCLUSIVE
    assert judged(rules.state_of_a_client, run()).verdict is Verdict.INCONCLUSIVE


def test_a_client_that_redeems_whatever_comes_is_found() -> None:
    names = [f"LAB-13/{name}" for name in ("missing", "empty", "altered", "case", "doubled")]
    refused = [run(name, opened=(opened(),), answers=CAME) for name in names]
    redeemed = run(names[0], redemption(), opened=(opened(),), answers=CAME)
    unanswered = run(names[0], opened=(opened(),))

    assert judged(rules.state_is_checked_by_a_client, WORKED, *refused).verdict is Verdict.PASS
    assert judged(rules.state_is_checked_by_a_client, WORKED, redeemed).verdict is Verdict.FAIL
    assert judged(rules.state_is_checked_by_a_client, WORKED, unanswered).verdict is Verdict.INCONCLUSIVE


def test_a_code_that_is_redeemed_twice_is_found() -> None:
    once = run("LAB-13/replayed", redemption(), opened=(opened(),), answers=CAME)
    twice = run("LAB-13/replayed", redemption(), redemption(), opened=(opened(),), answers=CAME)

    assert judged(rules.state_is_used_once, WORKED, once).verdict is Verdict.PASS
    assert judged(rules.state_is_used_once, WORKED, twice).verdict is Verdict.FAIL
