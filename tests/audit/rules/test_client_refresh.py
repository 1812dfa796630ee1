"""Rules about refresh tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Place, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_refresh import (
    RULES,
    refresh_token_stays_at_its_server,
    refused_token_is_dropped,
    rotated_token_is_replaced,
)
from tests.audit.client_runs import AS, HERE, WORKED, call, exchange, judged, opened, redemption, run

ELSEWHERE = "http://127.0.0.1:9"
OWNED = replace(HERE, refresh_tokens=("rt-1",))
OTHER = Place("http://127.0.0.1:8/mcp", ELSEWHERE, "http://127.0.0.1:8/mcp", "")
ROTATIONS = ("rotation", "restart", "together")
MOVES = ("session", "restart", "endpoint")
ENDS = ("invalid-grant", "invalid-grant-restart")
LOGINS = (opened(), opened(state="y" * 43))


def refresh(token: str, status: int = 200, server: str = AS, **more: str) -> Exchange:
    return exchange(
        "POST",
        f"{server}/token",
        status,
        form={"grant_type": "refresh_token", "refresh_token": token, **more},
    )


@pytest.mark.parametrize("variant", ROTATIONS)
def test_a_rotated_token_that_is_sent_again_is_found(variant: str) -> None:
    good = [run(f"LAB-24/{each}", refresh("a"), refresh("b"), refresh("c")) for each in ROTATIONS]
    again = run(f"LAB-24/{variant}", refresh("a"), refresh("b"), refresh("a", 400))

    assert judged(rotated_token_is_replaced, WORKED, *good).verdict is Verdict.PASS
    assert judged(rotated_token_is_replaced, WORKED, *good, again).verdict is Verdict.FAIL


def test_a_refresh_that_failed_may_be_tried_again() -> None:
    tried = [run(f"LAB-24/{each}", refresh("a", 503), refresh("a")) for each in ROTATIONS]

    assert judged(rotated_token_is_replaced, WORKED, *tried).verdict is Verdict.PASS


def test_a_client_that_keeps_nothing_has_nothing_to_reuse_but_must_refresh_in_a_session() -> None:
    anew = [run(f"LAB-24/{each}", redemption(), opened=LOGINS) for each in ROTATIONS]
    judgement = judged(rotated_token_is_replaced, WORKED, *anew)

    assert [each.split(":")[1].strip() for each in judgement.not_checked] == ["LAB-24/rotation"]


def moved(variant: str, *exchanges: Exchange) -> Run:
    return replace(run(f"LAB-19/{variant}", call(401), *exchanges), places=(OWNED, OTHER))


def test_a_refresh_token_at_another_server_is_found() -> None:
    stayed = [moved(each, refresh("rt-1"), refresh("rt-2", 400, ELSEWHERE)) for each in MOVES]

    assert judged(refresh_token_stays_at_its_server, WORKED, *stayed).verdict is Verdict.PASS
    for variant, severity in (("session", None), ("restart", None), ("endpoint", Severity.LOW)):
        gone = moved(variant, refresh("rt-1", 400, ELSEWHERE))
        (found,) = judged(refresh_token_stays_at_its_server, WORKED, *stayed, gone).findings
        assert found.severity is severity


def test_a_refresh_with_a_scope_more_is_found() -> None:
    asked = opened(scope="a b")
    good = run("LAB-31", refresh("x", scope="a"), opened=(asked,))
    wider = run("LAB-31", refresh("x", scope="a c"), opened=(asked,))

    assert judged(refresh_token_stays_at_its_server, WORKED, good).findings == ()
    assert len(judged(refresh_token_stays_at_its_server, WORKED, wider).findings) == 1


def ended(variant: str, *exchanges: Exchange, logins: tuple[str, ...] = LOGINS) -> Run:
    return run(f"LAB-24/{variant}", call(401), *exchanges, opened=logins)


def test_a_refused_token_that_is_sent_again_is_found() -> None:
    without = run("LAB-20/no-refresh", call(401), opened=LOGINS)
    good = [ended(each, refresh("a", 400), redemption()) for each in ENDS]

    assert judged(refused_token_is_dropped, WORKED, without, *good).verdict is Verdict.PASS
    for variant in ENDS:
        again = ended(variant, refresh("a", 400), refresh("a", 400))
        assert judged(refused_token_is_dropped, WORKED, without, *good, again).verdict is Verdict.FAIL


def test_a_refresh_before_the_first_call_is_enough_to_be_provoked() -> None:
    without = run("LAB-20/no-refresh", call(401), opened=LOGINS)
    early = run("LAB-24/invalid-grant-restart", refresh("a", 400), opened=LOGINS)

    assert judged(refused_token_is_dropped, WORKED, without, ended(ENDS[0]), early).verdict is Verdict.PASS
    quiet = run("LAB-24/invalid-grant-restart", refresh("a"), opened=LOGINS)
    judgement = judged(refused_token_is_dropped, WORKED, without, ended(ENDS[0]), quiet)
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_to_give_up_is_mild_and_to_ask_for_ever_is_not() -> None:
    tired = ended("invalid-grant", refresh("a", 400), logins=LOGINS[:1])
    loop = ended("invalid-grant", refresh("a", 400), logins=LOGINS * 2)

    assert judged(refused_token_is_dropped, WORKED, tired).findings[0].severity is Severity.LOW
    assert judged(refused_token_is_dropped, WORKED, loop).findings[0].severity is None


def test_a_token_that_never_ended_tells_nothing() -> None:
    untouched = run("LAB-20/no-refresh", call(), opened=LOGINS)

    assert judged(refused_token_is_dropped, WORKED, untouched).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-RT-01", "CL-RT-02", "CL-RT-03"]
