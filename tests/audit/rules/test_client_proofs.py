"""The rule about DPoP proofs."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.client_proofs import RULES, proofs_are_fresh
from tests.audit.client_runs import AS, MCP, WORKED, exchange, judged, run

ATH = urlsafe_b64encode(sha256(b"at").digest()).rstrip(b"=").decode()
KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}


def part(of: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def proved(
    url: str = f"{AS}/token",
    *,
    status: int = 200,
    head: dict[str, object] | None = None,
    authorization: str = "",
    **claims: object,
) -> Exchange:
    said: dict[str, object] = {"htm": "POST", "htu": url.partition("?")[0], "iat": 1.0, "jti": url, **claims}
    top: dict[str, object] = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY, **(head or {})}
    more: dict[str, Any] = {"authorization": authorization} if authorization else {}
    return exchange("POST", url, status, dpop=f"{part(top)}.{part(said)}.x", **more)


def called(**changes: Any) -> Exchange:
    return proved(f"{MCP}/mcp", **{"authorization": "DPoP at", "ath": ATH, **changes})


def test_good_proofs_pass_and_no_proof_does_not_apply() -> None:
    tried = [run(f"LAB-29/{each}") for each in ("dpop", "nonces")]
    good = run("LAB-29/dpop", proved(), called())

    assert judged(proofs_are_fresh, good, *tried).verdict is Verdict.PASS
    assert judged(proofs_are_fresh, WORKED, *tried).verdict is Verdict.NOT_APPLICABLE
    assert judged(proofs_are_fresh, WORKED).verdict is Verdict.INCONCLUSIVE
    assert judged(proofs_are_fresh, good).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (proved(head={"typ": "JWT"}), "typ"),
        (proved(head={"alg": "none"}), "private key"),
        (proved(head={"alg": "HS256"}), "private key"),
        (proved(head={"jwk": {**KEY, "d": "secret"}}), "jwk"),
        (proved(head={"jwk": None}), "jwk"),
        (proved(htm="GET"), "htm"),
        (proved(f"{AS}/token?x=1", htu=f"{AS}/token?x=1"), "htu"),
        (proved(iat=1000.0), "iat"),
        (proved(iat=None), "iat"),
        (proved(jti=""), "jti"),
        (called(ath="other"), "ath"),
        (called(authorization="Bearer at"), "Bearer"),
    ],
)
def test_each_flaw_of_a_proof_is_found_alone(wrong: Exchange, says: str) -> None:
    (found,) = judged(proofs_are_fresh, run("LAB-29/dpop", wrong), run("LAB-29/nonces")).findings

    assert says in found.why


def test_a_proof_that_is_used_twice_and_one_that_is_rubbish_are_found() -> None:
    twice = run("LAB-29/dpop", proved(), proved())
    rubbish = run("LAB-29/dpop", exchange("POST", f"{AS}/token", dpop="rubbish"))

    assert judged(proofs_are_fresh, twice).verdict is Verdict.FAIL
    assert judged(proofs_are_fresh, rubbish).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("nonce", "verdict"), [("n-1", Verdict.PASS), ("n-0", Verdict.FAIL), (None, Verdict.FAIL)]
)
def test_the_nonce_that_was_asked_for_comes_with_the_next_proof(nonce: str | None, verdict: Verdict) -> None:
    refused = proved(status=400)
    assert refused.response
    told = replace(refused.response, headers=(("dpop-nonce", "n-1"),), body=b'{"error": "use_dpop_nonce"}')
    exchanges = (replace(refused, response=told), replace(proved(jti="2", nonce=nonce), number=2))

    assert judged(proofs_are_fresh, run("LAB-29/nonces", *exchanges)).verdict is verdict


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-EXT-03"]
