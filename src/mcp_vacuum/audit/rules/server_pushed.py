"""Pushed authorization requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_pushed import lifetime_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.guess import TOLERABLE_BITS, WANTED_BITS, bits_of
from mcp_vacuum.audit.probe import issued, tried
from mcp_vacuum.audit.reaction import error_of, gives_token, text_member
from mcp_vacuum.audit.rule import (
    CannotTell,
    Finding,
    Kind,
    Level,
    Results,
    Rule,
    Severity,
    inconclusive,
    rule,
)
from mcp_vacuum.safety.url import printable

_WHERE = "authorization request, request_uri"
_LONGEST = 600
"""Seconds; RFC 9126 §2.2 calls 5 to 600 usual, and FAPI 2.0 allows less than 600."""
_WRONG_NAMES = {
    "pushed: for another": "a request that another client pushed",
    "pushed: again": "a request_uri whose login is finished",
    "pushed: expired": "a request_uri that has expired",
}
"""What must bring no code, by the name of the request."""


@rule(
    id="AS-PAR-01",
    title="Pushed request_uri is short-lived, single-use and client-bound",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=(
        "RFC 9126 §2.2, §4, §7.1 and §7.3",
        "FAPI 2.0 Security Profile §5.3.2.2-2",
        "OAuch, ParEndpoint/*",
    ),
    fix="enforce one-time use",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?client_id=a&request_uri=(of a finished login): a login page, then another code",
    good="GET /authorize?client_id=a&request_uri=(of a finished login): 400 and a page",
)
def pushed_requests_are_good_once(evidence: ActiveEvidence) -> Results:
    """The name of a pushed request is seen in a browser: whoever has it must not be able to use it again."""
    evidence.must_have_document()
    pushed = evidence.exchange("pushed")
    if text_member(pushed, "request_uri") is None:
        raise inconclusive(f"no request could be pushed: {printable(error_of(pushed), 60) or pushed.said}")
    yield from _named(evidence, pushed)
    control = evidence.seen.get("pushed by another")
    for name, what in (
        ("pushed without secret", "pushing without the client secret"),
        ("pushed wrong secret", "pushing with a wrong client secret"),
    ):
        yield from tried(evidence, name, what, _is_taken, control)
    for name, what in _WRONG_NAMES.items():
        yield from _decided(evidence, name, partial(_brought, what))
    yield from _decided(evidence, "pushed: overridden", partial(_overridden, evidence))


def _is_taken(exchange: Exchange) -> bool:
    """Say whether a request was pushed."""
    return exchange.status in (200, 201) and text_member(exchange, "request_uri") is not None


def _named(evidence: ActiveEvidence, pushed: Exchange) -> Results:
    """Look at the names and their lifetime."""
    where, lifetime = "pushed authorization response", lifetime_of(pushed)
    if lifetime is None:
        yield Finding(f"{where}, expires_in", "it is no positive number", at=pushed)
    elif lifetime > _LONGEST:
        why = f"it is {lifetime:.0f}, not {_LONGEST} seconds or less"
        yield Finding(f"{where}, expires_in", why, at=pushed)
    answers = [each for name, each in evidence.seen.items() if name.startswith("pushed") and _is_taken(each)]
    names = {text_member(each, "request_uri") or "" for each in answers}
    if len(names) >= 2 and (bits := bits_of(sorted(names))) < WANTED_BITS:
        severity = None if bits < TOLERABLE_BITS else Severity.LOW
        why = f"about {bits:.0f} bits change from one to the next"
        yield Finding(f"{where}, request_uri", why, severity, at=pushed)


def _decided(evidence: ActiveEvidence, name: str, found: Callable[[Exchange], Results]) -> Results:
    """Judge a request by what came back: `found` looks at the code, if there is one."""
    try:
        arrived = issued(evidence, name, "pushed: asked")
        if arrived is not None:
            yield from found(arrived)
    except CannotTell as unseen:
        yield unseen.result


def _brought(what: str, arrived: Exchange) -> Results:
    yield Finding(_WHERE, f"{what} brings a code", at=arrived)


def _overridden(evidence: ActiveEvidence, arrived: Exchange) -> Results:
    """A code may come, but of what was pushed (RFC 9101 §6.3)."""
    visit, redeemed = evidence.visits["pushed: overridden"], evidence.seen.get("granted by the address")
    if visit.one("state") == visit.said("state"):
        yield Finding(_WHERE, "state of the address replaces the pushed one", at=arrived)
    elif redeemed is not None and gives_token(redeemed):
        yield Finding(_WHERE, "code_challenge of the address replaces the pushed one", at=arrived)
    elif not gives_token(evidence.exchange("granted as pushed")):
        raise inconclusive("the code of a pushed request brought no token, so nobody knows of which values")


RULES: tuple[Rule, ...] = (pushed_requests_are_good_once,)
