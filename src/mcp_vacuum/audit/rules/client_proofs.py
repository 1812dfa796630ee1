"""DPoP proofs of a client: for one request, with a key of its own (RFC 9449)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from mcp_vacuum.audit.evidence.client import ClientEvidence, Run, sent_header
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, not_run
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_OLDEST = 300.0
"""Seconds by which the time of a proof may be off."""
_WANTS_NONCE = "use_dpop_nonce"
_PRIVATE = {"d", "p", "q", "k"}
"""Members of a JWK that a public key does not have."""


@rule(
    id="CL-EXT-03",
    title="DPoP proofs are fresh, complete and follow nonces",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("RFC 9449 §4.2 and §7.1", "RFC 9449 §8 and §9", "MCP conformance suite, sep-1932"),
    fix="generate one proof per request",
    kinds=(Kind.CLIENT,),
    bad='{"htu": "https://mcp.example/mcp?x=1", "jti": used before}, and no ath',
    good="a new proof for each request, with htm, htu, iat, ath and the nonce that the server asked for",
)
def proofs_are_fresh(evidence: ClientEvidence) -> Results:
    """A proof that fits more than one request is worth as much as a stolen token."""
    seen: set[str] = set()
    told: set[str] = set()
    proved = [(run, each) for run in evidence.runs for each in run.exchanges if sent_header(each, "dpop")]
    for run, each in proved:
        for wrong in (*_wrong_proof(each, seen), *_wrong_use(each), *_without_nonce(run, each)):
            if wrong not in told:
                yield finding(run, f"DPoP proof: {wrong}", each)
            told.add(wrong)
    if proved:
        yield from not_run(evidence, "LAB-29/nonces")
    else:
        yield NotChecked(_no_proofs(evidence))


def _no_proofs(evidence: ClientEvidence) -> str:
    if evidence.missing("LAB-29/dpop"):
        return "INCONCLUSIVE: no proof was seen, and LAB-29/dpop was not run"
    return "NOT_APPLICABLE: the client sends no DPoP proof, also where the server wants one"


def _proof(each: Exchange) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims; empty where there are none."""
    head, _, rest = sent_header(each, "dpop").partition(".")
    return _decoded(head), _decoded(rest.partition(".")[0])


def _wrong_proof(each: Exchange, seen: set[str]) -> Iterator[str]:
    head, claims = _proof(each)
    key = head.get("jwk")
    if head.get("typ") != "dpop+jwt" or not str(head.get("alg", "")).startswith(("ES", "Ed", "PS", "RS")):
        yield "its typ is not dpop+jwt, or it is not signed with a private key"
    if not isinstance(key, dict) or _PRIVATE & set(key):
        yield "its jwk is no public key"
    if (claims.get("htm"), claims.get("htu")) != (each.method, each.url.partition("?")[0]):
        yield "its htm or htu is not this request's"
    at, jti = claims.get("iat"), str(claims.get("jti", ""))
    if not isinstance(at, int | float) or abs(each.started_at - at) > _OLDEST:
        yield "its iat is not the time of the request"
    if not jti or jti in seen:
        yield "its jti is missing, or was used before"
    seen.add(jti)


def _wrong_use(each: Exchange) -> Iterator[str]:
    """With an access token it comes as DPoP, and names the token's hash."""
    scheme, _, token = sent_header(each, "authorization").partition(" ")
    if not token or scheme.lower() == "basic":
        return
    _, claims = _proof(each)
    if scheme.lower() != "dpop":
        yield f"it comes with Authorization: {scheme}"
    elif claims.get("ath") != _digest(token):
        yield "its ath is not the access token's hash"


def _without_nonce(run: Run, each: Exchange) -> Iterator[str]:
    """The request after a refusal that named a nonce carries it."""
    earlier = [
        other
        for other in run.exchanges
        if other.number < each.number and other.url == each.url and sent_header(other, "dpop")
    ]
    before = earlier[-1] if earlier else None
    wanted = _nonce_wanted(before) if before else ""
    _, claims = _proof(each)
    if wanted and claims.get("nonce") != wanted:
        yield "it lacks the nonce that the server has just asked for"


def _nonce_wanted(each: Exchange) -> str:
    if each.response is None:
        return ""
    headers = dict(each.response.headers)
    asked = _WANTS_NONCE.encode() in each.response.body or _WANTS_NONCE in headers.get("www-authenticate", "")
    return headers.get("dpop-nonce", "") if asked else ""


def _digest(token: str) -> str:
    return urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


RULES: tuple[Rule, ...] = (proofs_are_fresh,)
