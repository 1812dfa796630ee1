"""PKCE is mandatory, with S256 (RFC 7636, OAuth 2.1 §4.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from mcp_vacuum.audit.evidence import FlowEvidence, Sample
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NO_REQUEST = NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")


@rule(
    id="CL-PKCE-01",
    title="Every authorization request carries an S256 code_challenge",
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Authorization Code Protection", "OAuth 2.1 §4.1.1", "RFC 7636 §4.3"),
    fix="send code_challenge and code_challenge_method=S256 with every request",
)
def s256_on_every_request(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """Without a challenge, whoever sees the authorization code can redeem it."""
    if not evidence.samples:
        yield _NO_REQUEST
    for problem in sorted({_problem(sample) for sample in evidence.samples} - {""}):
        yield Finding("authorization request", problem)


def _problem(sample: Sample) -> str:
    challenge = sample.parameters.get("code_challenge", "")
    if not challenge:
        return "there is no code_challenge"
    if sample.parameters.get("code_challenge_method") != "S256":
        return "code_challenge_method is not S256; without it the method is plain"
    if not _CHALLENGE.fullmatch(challenge):
        return "code_challenge is no SHA-256 in base64url"
    verifier = sample.verifier.reveal() if sample.verifier else ""
    if verifier and _encode(verifier) != challenge:
        return "the verifier does not belong to the challenge"
    return ""


def _encode(verifier: str) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@rule(
    id="CL-PKCE-04",
    title="The verifier is 43 to 128 unreserved characters, random and never reused",
    severity=Severity.HIGH,
    sources=("RFC 7636 §4.1, §7.1", "RFC 9700 §2.1.1"),
    fix="make a new verifier of at least 32 random bytes for each request",
)
def verifier_is_random(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """A verifier that can be guessed or seen before protects nothing."""
    challenges = [sample.parameters.get("code_challenge") for sample in evidence.samples]
    if not any(challenges):
        yield NotChecked("NOT_APPLICABLE: there is no challenge to look at; see CL-PKCE-01")
        return
    if len(set(challenges)) < len(challenges):
        yield Finding("authorization request", "two requests carry the same code_challenge")
    verifiers = [sample.verifier.reveal() for sample in evidence.samples if sample.verifier]
    if any(not _VERIFIER.fullmatch(verifier) for verifier in verifiers):
        yield Finding("verifier", "it is too short, too long, or has other characters")
