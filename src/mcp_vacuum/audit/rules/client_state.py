"""The state of each flow: sent, checked, used once (RFC 6749 §10.12)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from contextlib import suppress

from mcp_vacuum.audit.evidence.client import ClientEvidence
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.provoked import answered, finding, must_refuse, redeemed, redeemed_again
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, also, rule

ENOUGH = 10
"""Logins that have to be seen before randomness is believed."""
_SHARED = 12
"""Characters: two random states do not begin with the same."""
_SHORTEST = 22
"""128 bits in base64url."""


@rule(
    id="CL-STATE-01",
    title="Sends an unguessable state with no sensitive data",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Open Redirection",
        "RFC 9700 §4.7.1",
        "RFC 6749 §10.10",
        "OAuth 2.1 §4.1.1",
    ),
    fix="random 32-byte state per request",
    kinds=(Kind.FLOW, Kind.CLIENT),
    bad="GET /authorize?…&state=12345",
    good="GET /authorize?…&state=Jk7yQ0mZ3p4aT8sV1uXnRbL5cWdEfGhI2oKqM6tN9xY",
)
def state_is_unguessable(evidence: FlowEvidence) -> Results:
    """Whoever can guess the state can have a victim finish a login that the victim never began."""
    if not evidence.samples:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
        return
    states = [sample.parameters.get("state", "") for sample in evidence.samples]
    if not all(states):
        yield Finding("authorization request", "there is no state")
    elif len(set(states)) < len(states):
        yield Finding("authorization request, state", "two requests carry the same state")
    elif any(len(state) < _SHORTEST or not _mixed(state) for state in states):
        yield Finding("authorization request, state", "it is shorter than 128 bits")


@also(state_is_unguessable, Kind.CLIENT)
def state_of_a_client(evidence: ClientEvidence) -> Results:
    """Whoever can guess the state can have a victim finish a login that the victim never began."""
    if not evidence.asks:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
        return
    seen: dict[str, str] = {}
    for run, ask in evidence.asks:
        if wrong := _weak(ask.get("state"), seen, ask.url):
            yield finding(run, f"authorization request: {wrong}", ask)
            return
    if len(seen) < ENOUGH:
        yield NotChecked(f"INCONCLUSIVE: only {len(seen)} logins were seen; {ENOUGH} tell more")


def _weak(state: str, seen: dict[str, str], url: str) -> str:
    if not state:
        return "there is no state"
    if seen.setdefault(state[:_SHARED], url) != url:
        return "its state begins like that of another login"
    if len(state) < _SHORTEST or not _mixed(state):
        return "the state is shorter than 128 bits"
    return "the state says something in clear" if _legible(state) else ""


def _legible(state: str) -> bool:
    """JSON, a URL or a JWT, as it is or in base64url."""
    texts = [state]
    with suppress(ValueError):
        texts.append(urlsafe_b64decode(state + "=" * (-len(state) % 4)).decode("ascii"))
    return any(re.search(r"https?:|client|user|\{\"", text) for text in texts)


def _mixed(state: str) -> bool:
    """More than a counter or a word: hexadecimal needs 32 characters for 128 bits."""
    return len(state) >= 32 if re.fullmatch(r"[0-9a-fA-F]+", state) else not state.isdigit()


@rule(
    id="CL-STATE-02",
    title="Rejects responses with missing or wrong state",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Open Redirection",
        "OAuth 2.1 §2.3.3",
        "RFC 6749 §10.12",
    ),
    fix="constant-time compare and abort",
    kinds=(Kind.FLOW, Kind.CLIENT),
    bad="GET /callback?code=…&state=somebody-elses is redeemed",
    good="the answer is thrown away, and no token request is sent",
)
def state_is_checked(evidence: FlowEvidence) -> Results:
    """A state that is sent but not compared is decoration."""
    if not evidence.samples:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
        return
    if any(sample.accepts_wrong_state for sample in evidence.samples):
        yield Finding("authorization response", "an answer with another state was accepted")
    if any(sample.accepts_no_state for sample in evidence.samples):
        yield Finding("authorization response", "an answer without a state was accepted")
    if any(sample.accepts_wrong_state is None for sample in evidence.samples):
        yield NotChecked("INCONCLUSIVE: the client's check of the answer could not be tried")


@also(state_is_checked, Kind.CLIENT)
def state_is_checked_by_a_client(evidence: ClientEvidence) -> Results:
    """A state that is sent but not compared is decoration."""
    names = ("missing", "empty", "altered", "case", "doubled")
    yield from must_refuse(
        evidence,
        *(f"LAB-13/{name}" for name in names),
        met=answered,
        crossed=redeemed,
        why="the client redeems the code",
        severity={"doubled": Severity.MEDIUM},  # one of the two is the right one
    )


@rule(
    id="CL-STATE-03",
    title="State is single use and bound to its transaction",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("RFC 9700 §4.2.4", "OAuth 2.1 §2.3.3 (bound to user agent)"),
    fix="delete state at first use; expire pending logins (10 min)",
    kinds=(Kind.CLIENT,),
    bad="the same callback URL is brought a second time, and redeemed again",
    good="the second answer gets an error page, and no token request is sent",
)
def state_is_used_once(evidence: ClientEvidence) -> Results:
    """An answer that works twice works for whoever finds it in a browser's history."""
    yield from must_refuse(
        evidence,
        "LAB-13/replayed",
        met=answered,
        crossed=redeemed_again,
        why="the client redeems the code again",
    )


RULES: tuple[Rule, ...] = (
    state_of_a_client,
    state_is_checked_by_a_client,
    state_is_used_once,
)
