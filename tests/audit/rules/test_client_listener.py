"""Rules about the client's listener, its page and its browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Answer, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.marks import (
    AFTER_LOGIN,
    ELSEWHERE,
    FORGED_CODE,
    MARKUP,
    NO_OTHER_ADDRESS,
    OTHER_ADDRESS,
    STRAY,
)
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_listener import (
    RULES,
    browser_is_external,
    callback_page_is_static,
    listener_is_on_loopback,
    one_answer_is_taken,
    page_has_a_policy,
)
from tests.audit.client_runs import AS, CALLBACK, WORKED, call, exchange, judged, opened, redemption, run

CAREFUL = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'"),
)
STRAYS = ("path", "post", "head", "long", "state")


def page(
    body: str = "done", headers: tuple[tuple[str, str], ...] = CAREFUL, purpose: str = "the answer"
) -> Answer:
    return Answer(purpose, "GET", CALLBACK, 200, headers, body)


def login(scenario: str, *answers: Answer, exchanges: tuple[Exchange, ...] = (redemption(), call())) -> Run:
    return run(scenario, *exchanges, opened=(opened(),), answers=(page(), *answers))


def test_a_listener_on_all_addresses_is_found() -> None:
    reached = login("LAB-17/address", page(purpose=OTHER_ADDRESS))
    refused = login("LAB-17/address", Answer(OTHER_ADDRESS, "GET", "", 0))

    assert judged(listener_is_on_loopback, WORKED, refused).verdict is Verdict.PASS
    assert judged(listener_is_on_loopback, WORKED, reached).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "untried", [replace(login("LAB-17/address"), notes=(NO_OTHER_ADDRESS,)), run("LAB-17/address")]
)
def test_a_listener_that_could_not_be_asked_is_not_judged(untried: Run) -> None:
    assert judged(listener_is_on_loopback, WORKED, untried).verdict is Verdict.INCONCLUSIVE


def test_localhost_is_mild() -> None:
    named = run("LAB-00", opened=(opened(redirect_uri="http://localhost:3/callback"),))
    (found,) = judged(listener_is_on_loopback, named, login("LAB-17/address")).findings

    assert found.severity is Severity.LOW


def undisturbed(*more: Run) -> tuple[Run, ...]:
    good = (login(f"LAB-17/{each}", page(purpose=STRAY)) for each in STRAYS)
    return (*good, login("LAB-17/after"), *more)


@pytest.mark.parametrize("variant", STRAYS)
def test_a_stray_request_must_not_end_a_login_nor_finish_it(variant: str) -> None:
    ended = login(f"LAB-17/{variant}", page(purpose=STRAY), exchanges=())
    forged = login(f"LAB-17/{variant}", exchanges=(redemption(FORGED_CODE),))
    unreached = login(f"LAB-17/{variant}", Answer(STRAY, "GET", "", 0), exchanges=())

    assert judged(one_answer_is_taken, WORKED, *undisturbed()).verdict is Verdict.PASS
    (found,) = judged(one_answer_is_taken, WORKED, *undisturbed(ended)).findings
    assert found.severity is (Severity.LOW if variant == "state" else None)
    assert "redeems that code" in judged(one_answer_is_taken, *undisturbed(forged)).findings[0].why
    assert judged(one_answer_is_taken, WORKED, *undisturbed(unreached)).verdict is Verdict.INCONCLUSIVE


def test_a_listener_that_stays_is_found() -> None:
    stays = login("LAB-17/after", page(purpose=AFTER_LOGIN))

    assert judged(one_answer_is_taken, WORKED, *undisturbed(stays)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "shown", [page(f"failed: {MARKUP}"), page("", (*CAREFUL, ("location", f"{ELSEWHERE}?x")))]
)
@pytest.mark.parametrize("scenario", ["LAB-17/page", "LAB-15/answer"])
def test_a_page_that_takes_the_bait_is_found(scenario: str, shown: Answer) -> None:
    good = [login(each) for each in ("LAB-17/page", "LAB-15/answer", "LAB-00")]
    both = replace(WORKED, answers=(page(),))

    assert judged(callback_page_is_static, both, *good).verdict is Verdict.PASS
    assert judged(callback_page_is_static, both, *good, login(scenario, shown)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("shown", "severity"),
    [
        (page('<script async src="https://cdn.example/x.js">'), None),
        (page("<link rel=x href='http://fonts.example'>"), None),
        (page("done", CAREFUL[1:]), Severity.LOW),
        (page("done", CAREFUL[:1]), Severity.LOW),
    ],
)
def test_a_careless_page_is_found(shown: Answer, severity: Severity | None) -> None:
    (found,) = judged(callback_page_is_static, replace(WORKED, answers=(shown,))).findings

    assert found.severity is severity


def test_what_a_page_loads_from_itself_is_fine() -> None:
    own = page('<img src="/logo.png"><script src="http://127.0.0.1:3/x.js"></script>')

    assert judged(callback_page_is_static, replace(WORKED, answers=(own,))).findings == ()


def test_an_authorization_page_that_no_browser_opened_is_found() -> None:
    asked, consent = exchange("GET", opened()), exchange("POST", f"{AS}/consent", 303)
    own = run("LAB-00", asked, consent, call(), redemption())
    looked = run("LAB-18/redirect", asked)
    both = run("LAB-18/html", asked, consent, opened=("https://as.example/start",))

    assert judged(browser_is_external, WORKED).verdict is Verdict.PASS
    assert judged(browser_is_external, own).verdict is Verdict.FAIL
    assert judged(browser_is_external, WORKED, looked, both).verdict is Verdict.PASS
    assert judged(browser_is_external, run("LAB-00")).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ("default-src 'none'", Verdict.PASS),
        ("default-src *; script-src 'self'", Verdict.PASS),
        ("script-src 'unsafe-inline'", Verdict.FAIL),
        ("img-src 'none'", Verdict.FAIL),
        ("", Verdict.WARN),
    ],
)
def test_a_policy_has_to_say_something_of_scripts(policy: str, verdict: Verdict) -> None:
    shown = page(headers=(("content-security-policy", policy),))

    assert judged(page_has_a_policy, replace(WORKED, answers=(shown,))).verdict is verdict


def test_without_a_page_there_is_no_policy_to_judge() -> None:
    assert judged(page_has_a_policy, replace(WORKED, answers=())).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-REDIR-02",
        "CL-REDIR-03",
        "CL-REDIR-04",
        "CL-OPEN-03",
        "CL-OPEN-04",
    ]
