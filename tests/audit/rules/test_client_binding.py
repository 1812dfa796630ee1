"""Rules about what belongs to one authorization server."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Place, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_binding import (
    RULES,
    assertions_are_addressed,
    challenge_is_read_anew,
    nothing_goes_to_another_server,
)
from tests.audit.client_runs import AS, HERE, WORKED, call, exchange, judged, run

ELSEWHERE = "http://127.0.0.1:9"
OWNED = replace(HERE, refresh_tokens=("rt-of-the-first",), client_secrets=("cs-of-the-first",))
OTHER = Place("http://127.0.0.1:8/mcp", ELSEWHERE, "http://127.0.0.1:8/mcp", "")


def numbered(made: Run) -> Run:
    return replace(
        made, exchanges=tuple(replace(each, number=place) for place, each in enumerate(made.exchanges))
    )


def session(*exchanges: Exchange) -> Run:
    return numbered(run("LAB-19/session", call(), call(401), *exchanges))


READ = exchange("GET", HERE.resource_metadata_url)
LOGIN = exchange("GET", f"{AS}/authorize?client_id=c")


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ((READ, LOGIN), Verdict.PASS),
        ((), Verdict.PASS),
        ((LOGIN,), Verdict.FAIL),
        ((call(401), call(401), call(401)), Verdict.FAIL),
        ((call(401, "b"), call(401, "c"), call(401, "d")), Verdict.PASS),
        ((call(401), READ), Verdict.PASS),
    ],
)
def test_a_new_challenge_is_a_reason_to_read_again(after: tuple[Exchange, ...], verdict: Verdict) -> None:
    assert judged(challenge_is_read_anew, WORKED, session(*after)).verdict is verdict


def test_a_session_that_was_never_challenged_tells_nothing() -> None:
    quiet = numbered(run("LAB-19/session", call()))

    assert judged(challenge_is_read_anew, WORKED, quiet).verdict is Verdict.INCONCLUSIVE


def switched(variant: str, *exchanges: Exchange) -> Run:
    answer = json.dumps({"client_id": "client-of-the-first"}).encode()
    registered = exchange("POST", f"{AS}/register", 201)
    assert registered.response
    registered = replace(registered, response=replace(registered.response, body=answer))
    metadata = exchange("GET", f"{ELSEWHERE}/.well-known/oauth-authorization-server")
    return replace(run(f"LAB-19/{variant}", registered, metadata, *exchanges), places=(OWNED, OTHER))


@pytest.mark.parametrize(
    "given",
    [
        exchange("GET", f"{ELSEWHERE}/authorize?client_id=client-of-the-first"),
        exchange("POST", f"{ELSEWHERE}/token", form={"refresh_token": "rt-of-the-first"}),
        exchange("POST", f"{ELSEWHERE}/token", form={"client_secret": "cs-of-the-first"}),
        exchange("POST", OTHER.mcp_url, authorization=f"Bearer {HERE.access_tokens[0]}"),
    ],
)
@pytest.mark.parametrize("variant", ["session", "restart"])
def test_what_the_first_server_gave_is_found_at_the_other(variant: str, given: Exchange) -> None:
    anew = exchange("GET", f"{ELSEWHERE}/authorize?client_id=client-of-the-other")
    good = [switched(each, anew) for each in ("session", "restart")]

    assert judged(nothing_goes_to_another_server, WORKED, *good).verdict is Verdict.PASS
    found = judged(nothing_goes_to_another_server, WORKED, *good, switched(variant, given))
    assert found.verdict is Verdict.FAIL


def part(of: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def asserted(head: dict[str, object] | None = None, jti: str = "1", **claims: object) -> Exchange:
    whole = {"iss": "c", "sub": "c", "aud": AS, "exp": 60.0, "jti": jti, **claims}
    header = {"alg": "ES256", "typ": "client-authentication+jwt", **(head or {})}
    form = {"grant_type": "x", "client_assertion": f"{part(header)}.{part(whole)}.x"}
    return exchange("POST", f"{AS}/token", form=form)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (asserted({"alg": "HS256"}), "private key"),
        (asserted({"alg": "none"}), "private key"),
        (asserted(aud=f"{AS}/token"), "aud"),
        (asserted(aud=[AS, ELSEWHERE]), "aud"),
        (asserted(sub="d"), "client_id"),
        (asserted(exp=10_000.0), "five minutes"),
        (asserted(exp=None), "five minutes"),
        (asserted(jti=""), "jti"),
    ],
)
def test_each_flaw_of_an_assertion_is_found_alone(wrong: Exchange, says: str) -> None:
    (found,) = judged(assertions_are_addressed, run("LAB-18/assertion", wrong)).findings

    assert says in found.why
    assert found.severity is None


def test_an_old_type_is_mild_and_a_good_assertion_is_fine() -> None:
    (found,) = judged(assertions_are_addressed, run("LAB-00", asserted({"typ": "JWT"}))).findings

    assert found.severity is Severity.LOW
    good = run("LAB-00", asserted(), asserted(jti="2"))
    assert judged(assertions_are_addressed, good).verdict is Verdict.PASS
    again = run("LAB-00", asserted(), asserted())
    assert judged(assertions_are_addressed, again).verdict is Verdict.FAIL


def test_rubbish_is_no_assertion_to_believe() -> None:
    form = {"grant_type": "x", "client_assertion": "rubbish"}
    sent = run("LAB-00", exchange("POST", f"{AS}/token", form=form))

    assert judged(assertions_are_addressed, sent).verdict is Verdict.FAIL


def test_without_an_assertion_the_rule_does_not_apply() -> None:
    assert judged(assertions_are_addressed, WORKED).verdict is Verdict.INCONCLUSIVE
    tried = run("LAB-18/assertion")
    assert judged(assertions_are_addressed, WORKED, tried).verdict is Verdict.NOT_APPLICABLE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-DISC-10", "CL-REG-08", "CL-AUTH-02"]
