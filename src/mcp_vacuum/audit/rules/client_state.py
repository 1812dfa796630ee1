"""The state of each flow: sent, checked, used once (RFC 6749 §10.12)."""

from __future__ import annotations

import re

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, planned, rule

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
    because="it is part of `audit client`",
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
    because="it is part of `audit client`",
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


cl_state_03 = planned(
    id="CL-STATE-03",
    title="State is single use and bound to its transaction",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("RFC 9700 §4.2.4", "OAuth 2.1 §2.3.3 (bound to user agent)"),
    fix="delete state at first use; expire pending logins (10 min)",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    state_is_unguessable,
    state_is_checked,
    cl_state_03,
)
