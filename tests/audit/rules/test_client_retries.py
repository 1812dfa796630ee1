"""Rules about what comes after a refusal or a failure."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_retries import (
    RULES,
    code_is_redeemed_once,
    expiry_makes_no_loop,
    failed_attempts_are_forgotten,
    logins_are_bounded,
    resource_is_never_dropped,
    step_up_keeps_scopes,
)
from tests.audit.client_runs import AS, MCP, WORKED, call, exchange, judged, opened, redemption, run

MANY = tuple(opened(state=f"{number}" * 43, code_challenge=f"{number}" * 43) for number in range(4))

LIFETIMES = ("zero", "negative", "text", "huge", "unlimited")


def test_values_of_a_failed_attempt_that_come_again_are_found() -> None:
    def judge(*logins: str) -> Verdict:
        runs = [run(f"LAB-25/{name}", opened=logins) for name in ("again", "again-token")]
        return judged(failed_attempts_are_forgotten, WORKED, *runs).verdict

    assert judge(*MANY[:2]) is Verdict.PASS
    assert judge(opened(), opened(code_challenge="z" * 43)) is Verdict.FAIL
    assert judge(opened(), opened(state="z" * 43)) is Verdict.FAIL
    assert judge(opened()) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("resource", [None, MCP])
def test_another_try_with_less_of_a_resource_is_found(resource: str | None) -> None:
    def judge(*logins: str) -> Verdict:
        runs = [run(f"LAB-25/{name}", opened=logins) for name in ("target", "target-asked")]
        return judged(resource_is_never_dropped, WORKED, *runs).verdict

    assert judge(opened()) is Verdict.PASS
    assert judge(opened(), opened()) is Verdict.PASS
    assert judge(opened(), opened(resource=resource)) is Verdict.WARN


def test_a_second_redemption_without_the_resource_is_found() -> None:
    forms = (redemption(resource=f"{MCP}/mcp"), redemption("code-2"))
    runs = [run(f"LAB-25/{name}", *forms, opened=(opened(),)) for name in ("target", "target-asked")]

    assert len(judged(resource_is_never_dropped, WORKED, *runs).findings) == 2


def stepped(*scopes: str) -> Run:
    return run("LAB-23/step-up", call(403), opened=tuple(opened(scope=each) for each in scopes))


def test_a_step_up_asks_for_both() -> None:
    assert judged(step_up_keeps_scopes, WORKED, stepped("a", "a b")).verdict is Verdict.PASS
    assert judged(step_up_keeps_scopes, WORKED, stepped("a", "b")).verdict is Verdict.WARN
    assert judged(step_up_keeps_scopes, WORKED, stepped("a")).verdict is Verdict.WARN
    assert judged(step_up_keeps_scopes, WORKED, run("LAB-23/step-up")).verdict is Verdict.INCONCLUSIVE
    assert judged(step_up_keeps_scopes, stepped("a")).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("variant", ["401", "403"])
def test_a_fourth_login_is_found(variant: str) -> None:
    others = [run(f"LAB-23/{each}", call(int(each)), opened=MANY[:2]) for each in ("401", "403")]
    fourth = run(f"LAB-23/{variant}", call(int(variant)), opened=MANY)

    assert judged(logins_are_bounded, WORKED, *others).verdict is Verdict.PASS
    assert judged(logins_are_bounded, WORKED, *others, fourth).verdict is Verdict.FAIL


def refresh(number: int) -> Exchange:
    form = {"grant_type": "refresh_token", "refresh_token": f"r{number}"}
    return exchange("POST", f"{AS}/token", form=form)


def test_more_than_one_refresh_and_one_login_for_a_refused_token_are_found() -> None:
    good = run("LAB-23/401", redemption(), call(401), refresh(1), redemption("2"), opened=MANY[:2])
    usual = [run(f"LAB-20/{each}", redemption(), call()) for each in LIFETIMES]
    logins = run("LAB-23/401", call(401), opened=MANY[:3])
    refreshes = run("LAB-23/401", call(401), *map(refresh, range(3)), opened=MANY[:1])

    assert judged(expiry_makes_no_loop, WORKED, *usual, good).verdict is Verdict.PASS
    assert judged(expiry_makes_no_loop, WORKED, logins).verdict is Verdict.FAIL
    assert judged(expiry_makes_no_loop, WORKED, refreshes).verdict is Verdict.FAIL


@pytest.mark.parametrize("variant", LIFETIMES)
def test_tokens_in_a_loop_are_found_whatever_the_lifetime(variant: str) -> None:
    refused = run("LAB-23/401", call(401), opened=MANY[:1])
    loop = run(f"LAB-20/{variant}", redemption(), *map(refresh, range(9)), call())
    good = [run(f"LAB-20/{each}", redemption(), call()) for each in LIFETIMES]

    assert judged(expiry_makes_no_loop, WORKED, refused, *good).verdict is Verdict.PASS
    assert judged(expiry_makes_no_loop, WORKED, refused, loop).verdict is Verdict.FAIL


def test_a_token_that_is_not_used_is_mild_unless_it_has_expired() -> None:
    def judge(variant: str) -> list[Severity | None]:
        judgement = judged(expiry_makes_no_loop, WORKED, run(f"LAB-20/{variant}", redemption()))
        return [each.severity for each in judgement.findings]

    assert judge("text") == [Severity.LOW]
    assert judge("zero") == []


def test_a_code_that_is_sent_twice_is_found() -> None:
    names = ("500", "reset", "half")
    good = [run(f"LAB-25/{name}", redemption("a"), redemption("b")) for name in names]

    assert judged(code_is_redeemed_once, WORKED, *good).verdict is Verdict.PASS
    for name in names:
        twice = run(f"LAB-25/{name}", redemption("a"), redemption("a"))
        assert judged(code_is_redeemed_once, WORKED, *good, twice).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "sent",
    [
        exchange("GET", f"{AS}/token?grant_type=authorization_code&code=c"),
        exchange("POST", f"{AS}/token", body=b'{"code": "c"}', content_type="application/json"),
    ],
)
def test_a_code_that_comes_otherwise_than_in_a_form_is_found(sent: Exchange) -> None:
    (found,) = judged(code_is_redeemed_once, run("LAB-00", sent)).findings

    assert "otherwise" in found.why


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-PKCE-06",
        "CL-RES-04",
        "CL-SCOPE-03",
        "CL-SCOPE-04",
        "CL-TOK-06",
        "CL-TOK-08",
    ]
