"""PKCE of a client, with S256 (RFC 7636, OAuth 2.1 §4.1.1)."""

from __future__ import annotations

import re
from hashlib import sha256

from mcp_vacuum.audit.evidence.flow import FlowEvidence, Sample
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, planned, rule

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NO_REQUEST = NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")


@rule(
    id="CL-PKCE-01",
    title="Every authorization request carries an S256 code_challenge",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization security considerations, Authorization Code Protection",
        "OAuth 2.1 §4.1.1",
        "RFC 7636 §4.3",
    ),
    fix="enable PKCE S256 unconditionally",
    kinds=(Kind.FLOW, Kind.CLIENT),
    because="it is part of `audit client`",
    bad="GET /authorize?response_type=code&client_id=c&state=…",
    good="GET /authorize?…&code_challenge=E9Melhoa2OwvFrEM…&code_challenge_method=S256",
)
def s256_on_every_request(evidence: FlowEvidence) -> Results:
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
    title="Verifier is 43-128 unreserved characters, random and unique",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7636 §4.1 and §7.1", "OAuth 2.1 §4.1.1", "RFC 9700 §2.1.1"),
    fix="secrets.token_urlsafe(32) or longer per request",
    kinds=(Kind.FLOW, Kind.CLIENT),
    because="it is part of `audit client`",
    bad="code_verifier=12345",
    good="code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
)
def verifier_is_random(evidence: FlowEvidence) -> Results:
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


cl_pkce_02 = planned(
    id="CL-PKCE-02",
    title="Refuses servers without code_challenge_methods_supported",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization security considerations, Authorization Code Protection", "RFC 9700 §2.1.1"),
    fix="abort before opening the browser",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_pkce_03 = planned(
    id="CL-PKCE-03",
    title="Does not downgrade to plain when S256 is not offered",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.1.1", "RFC 7636 §7.2"),
    fix="treat plain-only as unsupported",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_pkce_05 = planned(
    id="CL-PKCE-05",
    title="Verifier reaches only the token endpoint and matches",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 7636 §4.5", "OAuth 2.1 §4.1.3"),
    fix="keep the verifier server-side in the transaction record",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_pkce_06 = planned(
    id="CL-PKCE-06",
    title="Fresh verifier, state and nonce after any failed attempt",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.5.2", "RFC 9700 §2.1.1"),
    fix="discard the transaction on error",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    s256_on_every_request,
    cl_pkce_02,
    cl_pkce_03,
    verifier_is_random,
    cl_pkce_05,
    cl_pkce_06,
)
