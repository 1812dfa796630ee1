"""Every flow carries a state, and an answer without it counts for nothing (RFC 6749 §10.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_vacuum.audit.evidence import FlowEvidence
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule

_SHORTEST = 22
"""128 bits in base64url."""


@rule(
    id="CL-STATE-01",
    title="Every request carries an unguessable state",
    severity=Severity.HIGH,
    sources=("MCP authorization, Open Redirection", "RFC 9700 §4.7.1", "RFC 6749 §10.10"),
    fix="use 32 random bytes for each request",
)
def state_is_unguessable(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
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
    title="Answers with a missing or wrong state are refused",
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Open Redirection", "OAuth 2.1 §2.3.3", "RFC 6749 §10.12"),
    fix="compare the state in constant time before anything else of the answer is used",
)
def state_is_checked(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
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
