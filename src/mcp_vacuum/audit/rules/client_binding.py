"""What a client keeps belongs to one authorization server: another one gets nothing of it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_vacuum.audit.evidence.client import ClientEvidence, Place, Run, first, form_of, sent_header
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, must_refuse
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule
from mcp_vacuum.audit.rules.client_registering import answer_of

_SWITCHED = ("LAB-19/session", "LAB-19/restart")
_AGAIN = 3
"""Requests with a token that was refused; more of them are a loop."""
_LONGEST = 305.0
"""Seconds that an assertion may live: five minutes, and a little for the clock."""


@rule(
    id="CL-DISC-10",
    title="Re-reads and revalidates PRM on a new challenge",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 9728 §5.2", "MCP client registration, Authorization Server Binding"),
    fix="treat a challenge as a cache invalidation",
    kinds=(Kind.CLIENT,),
    bad="401, and the client logs in at the server that it remembers",
    good="401, and the metadata is read again before anything else",
)
def challenge_is_read_anew(evidence: ClientEvidence) -> Results:
    """A resource may have changed its authorization server, and says so by a new challenge."""
    yield from must_refuse(
        evidence,
        "LAB-19/session",
        met=_refused_with_token,
        crossed=_goes_on_as_before,
        why="the client logs in at the old one, or goes on with the old token, and reads no metadata",
    )


def _refused_with_token(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.authorized_calls if each.status == 401)


def _goes_on_as_before(run: Run) -> tuple[Exchange, ...]:
    refused = _refused_with_token(run)
    after = [each for each in run.exchanges if refused and each.number > refused[0].number]
    if any(each in run.resource_metadata for each in after):
        return ()
    logins = [each for each in after if each in run.to("/authorize", "GET")]
    return (*logins, *_stubborn(refused))


def _stubborn(refused: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The calls with a token that was refused so often already."""
    times = Counter[str]()
    again = []
    for each in refused:
        token = sent_header(each, "authorization")
        times[token] += 1
        again += [each] if times[token] > _AGAIN else []
    return tuple(again)


@rule(
    id="CL-REG-08",
    title="Credentials are keyed by issuer, never reused, re-registered on change",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "MCP authorization server discovery, Authorization Server Location",
        "MCP conformance suite, sep-2352",
    ),
    fix="index the store by issuer",
    kinds=(Kind.CLIENT,),
    bad="the metadata names another server, which gets the client_id and the refresh token of the first",
    good="the client registers with the other server, and shows it nothing of the first",
)
def nothing_goes_to_another_server(evidence: ClientEvidence) -> Results:
    """What one server gave may open its doors; another one that sees it has the key."""
    yield from must_refuse(
        evidence,
        *_SWITCHED,
        met=lambda run: run.at_origin_of(run.places[1].issuer),
        crossed=_gave_to_the_other,
        why="it gets what the first one issued: a client_id, a secret or a token",
    )


def _gave_to_the_other(run: Run) -> tuple[Exchange, ...]:
    there = (*run.at_origin_of(run.places[1].issuer), *run.at_origin_of(run.places[1].mcp_url))
    own = (*_client_ids(run), *run.place.secrets)
    return tuple(each for each in run.carrying(own) if each in there)


def _client_ids(run: Run) -> tuple[str, ...]:
    """Those that the first server made up."""
    here = run.at_origin_of(run.place.issuer)
    return tuple(str(answer_of(each).get("client_id", "")) for each in run.registrations if each in here)


@rule(
    id="CL-AUTH-02",
    title="Client assertion is short-lived, unique and addressed to issuer",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("rfc7523bis §4 (updates RFC 7523 §3)", "RFC 7523 §3", "FAPI 2.0 Security Profile §5.3.2.1-8"),
    fix="set aud to the validated issuer",
    kinds=(Kind.CLIENT,),
    bad='{"aud": "https://as.example/token", "exp": in a year}, signed with the client secret',
    good='{"aud": "https://as.example", "exp": in a minute, "jti": never used before}, signed with ES256',
)
def assertions_are_addressed(evidence: ClientEvidence) -> Results:
    """An assertion that is not for one issuer alone can be passed on by a server to another one."""
    seen: set[str] = set()
    sent = [(run, each) for run in evidence.runs for each in run.token_requests if _assertion(each)]
    told: set[str] = set()
    for run, each in sent:
        for wrong in _wrong_assertion(run, each, seen):
            if wrong not in told:
                severity = Severity.LOW if wrong.startswith("its typ") else None
                yield finding(run, f"client_assertion: {wrong}", each, severity)
            told.add(wrong)
    if not sent:
        tried = evidence.of("LAB-18/assertion")
        yield NotChecked(
            "NOT_APPLICABLE: the client sends no assertion, also where nothing else is offered"
            if tried
            else "INCONCLUSIVE: LAB-18/assertion was not run"
        )


def _assertion(each: Exchange) -> str:
    return first(form_of(each), "client_assertion")


def _wrong_assertion(run: Run, each: Exchange, seen: set[str]) -> Iterator[str]:
    parts = _assertion(each).split(".")
    head, claims = _decoded(parts[0]), _decoded(parts[1] if len(parts) > 1 else "")
    if not str(head.get("alg", "")).startswith(("RS", "ES", "PS", "Ed")):
        yield "it is not signed with a private key"
    if claims.get("aud") not in (_issuer(run, each), [_issuer(run, each)]):
        yield "its aud is not the issuer alone"
    if claims.get("iss") != claims.get("sub") or not claims.get("sub"):
        yield "its iss and sub are not both the client_id"
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] - each.started_at > _LONGEST:
        yield "it lives longer than five minutes"
    yield from _known(str(claims.get("jti", "")), seen)
    if head.get("typ") != "client-authentication+jwt":
        yield "its typ is not client-authentication+jwt"


def _known(jti: str, seen: set[str]) -> Iterator[str]:
    if not jti or jti in seen:
        yield "its jti is missing, or was used before"
    seen.add(jti)


def _issuer(run: Run, each: Exchange) -> str:
    """The issuer of whose token endpoint this is."""

    def owns(place: Place) -> bool:
        return each in run.at_origin_of(place.issuer)

    return next((place.issuer for place in run.places if owns(place)), "")


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


RULES: tuple[Rule, ...] = (
    challenge_is_read_anew,
    nothing_goes_to_another_server,
    assertions_are_addressed,
)
