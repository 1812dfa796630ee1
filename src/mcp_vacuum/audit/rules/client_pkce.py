"""PKCE of a client, with S256 (RFC 7636, OAuth 2.1 §4.1.1)."""

from __future__ import annotations

import re
from hashlib import sha256

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run, first, form_of
from mcp_vacuum.audit.evidence.flow import FlowEvidence, Sample
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import asked, finding, must_refuse, read_server_metadata
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    rule,
)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
ENOUGH = 10
"""Logins that have to be seen before randomness is believed."""
_SHARED = 12
"""Characters, 72 bits: two random verifiers do not begin with the same."""
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
    bad="GET /authorize?response_type=code&client_id=c&state=…",
    good="GET /authorize?…&code_challenge=E9Melhoa2OwvFrEM…&code_challenge_method=S256",
)
def s256_on_every_request(evidence: FlowEvidence) -> Results:
    """Without a challenge, whoever sees the authorization code can redeem it."""
    if not evidence.samples:
        yield _NO_REQUEST
    for problem in sorted({_problem(sample) for sample in evidence.samples} - {""}):
        yield Finding("authorization request", problem)


@also(s256_on_every_request, Kind.CLIENT)
def s256_of_a_client(evidence: ClientEvidence) -> Results:
    """Without a challenge, whoever sees the authorization code can redeem it."""
    if not evidence.asks:
        yield _NO_REQUEST
    told: set[str] = set()
    for run, ask in evidence.asks:
        wrong = _wrong_challenge(ask.get("code_challenge"), ask.get("code_challenge_method"))
        if wrong and wrong not in told and run.scenario != "LAB-11/plain":  # CL-PKCE-03's
            told.add(wrong)
            yield finding(run, f"authorization request: {wrong}", ask)


def _problem(sample: Sample) -> str:
    challenge = sample.parameters.get("code_challenge", "")
    if wrong := _wrong_challenge(challenge, sample.parameters.get("code_challenge_method", "")):
        return wrong
    verifier = sample.verifier.reveal() if sample.verifier else ""
    if verifier and _encode(verifier) != challenge:
        return "the verifier does not belong to the challenge"
    return ""


def _wrong_challenge(challenge: str, method: str) -> str:
    if not challenge:
        return "there is no code_challenge"
    if method != "S256":
        return "code_challenge_method is not S256; without it the method is plain"
    return "" if _CHALLENGE.fullmatch(challenge) else "code_challenge is no SHA-256 in base64url"


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


@also(verifier_is_random, Kind.CLIENT)
def verifier_of_a_client(evidence: ClientEvidence) -> Results:
    """A verifier that can be guessed or seen before protects nothing."""
    sent = [(run, each, _verifier(each)) for run in evidence.runs for each in run.redemptions]
    verifiers = [(run, each, verifier) for run, each, verifier in sent if verifier]
    if not verifiers:
        yield NotChecked("INCONCLUSIVE: no token request carried a code_verifier")
        return
    for run, each, verifier in verifiers:
        if not _VERIFIER.fullmatch(verifier):
            yield finding(run, "the verifier is too short, too long, or has other characters", each)
            return
    yield from _repeats(verifiers)
    if len(verifiers) < ENOUGH:
        yield NotChecked(f"INCONCLUSIVE: only {len(verifiers)} logins were seen; {ENOUGH} tell more")


def _repeats(verifiers: list[tuple[Run, Exchange, str]]) -> Results:
    """Two logins of different runs share a verifier, or so much of its beginning that it is no accident."""
    seen: dict[str, str] = {}
    for run, each, verifier in verifiers:
        start = verifier[:_SHARED]
        if seen.setdefault(start, run.scenario) != run.scenario:
            yield finding(run, f"its verifier begins like the one of {seen[start]}", each)
            return


def _verifier(exchange: Exchange) -> str:
    return first(form_of(exchange), "code_verifier")


@rule(
    id="CL-PKCE-02",
    title="Refuses servers without code_challenge_methods_supported",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization security considerations, Authorization Code Protection", "RFC 9700 §2.1.1"),
    fix="abort before opening the browser",
    kinds=(Kind.CLIENT,),
    bad="metadata without code_challenge_methods_supported, then GET /authorize?…",
    good="the login ends with an error, and no browser is opened",
)
def pkce_support_is_checked(evidence: ClientEvidence) -> Results:
    """A server that does not say that it checks PKCE may well ignore it, and then the code is unprotected."""
    names = ("LAB-11/absent", "LAB-11/null", "LAB-11/empty")
    yield from must_refuse(
        evidence, *names, met=read_server_metadata, crossed=asked, why="the client asks for an authorization"
    )


@rule(
    id="CL-PKCE-03",
    title="Does not downgrade to plain when S256 is not offered",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.1.1", "RFC 7636 §7.2"),
    fix="treat plain-only as unsupported",
    kinds=(Kind.CLIENT,),
    bad="GET /authorize?…&code_challenge_method=plain",
    good="the login ends with an error, as the server offers only plain",
)
def no_downgrade_to_plain(evidence: ClientEvidence) -> Results:
    """With the method plain the challenge is the verifier: whoever sees the request can redeem the code."""
    mild = {} if _asked_plain(evidence) else {"plain": Severity.LOW}
    yield from must_refuse(
        evidence,
        "LAB-11/plain",
        met=read_server_metadata,
        crossed=asked,
        why="the client asks for an authorization" + (" with S256 all the same" if mild else " with plain"),
        severity=mild,
    )


def _asked_plain(evidence: ClientEvidence) -> bool:
    runs = evidence.of("LAB-11/plain")
    return any(ask.get("code_challenge_method") != "S256" for run in runs for ask in run.asks)


@rule(
    id="CL-PKCE-05",
    title="Verifier reaches only the token endpoint and matches",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 7636 §4.5", "OAuth 2.1 §4.1.3"),
    fix="keep the verifier server-side in the transaction record",
    kinds=(Kind.CLIENT,),
    bad="GET /authorize?…&code_verifier=…",
    good="the verifier appears in one POST to the token endpoint, and nowhere else",
)
def verifier_stays_secret(evidence: ClientEvidence) -> Results:
    """A verifier that travels elsewhere protects the code no longer from those who see it there."""
    seen = False
    for run in evidence.runs:
        challenges = {ask.get("code_challenge"): ask for ask in run.asks}
        for each in run.redemptions:
            verifier = _verifier(each)
            if verifier and challenges:
                seen = True
                yield from _astray(run, each, verifier, challenges)
    if not seen:
        yield NotChecked("INCONCLUSIVE: no token request carried a code_verifier")


def _astray(run: Run, each: Exchange, verifier: str, challenges: dict[str, Ask]) -> Results:
    plain = verifier in challenges or "" in challenges
    if not plain and _encode(verifier) not in challenges:
        yield finding(run, "the verifier belongs to no challenge that was sent", each)
    if plain:
        return  # CL-PKCE-01 says so
    if any(verifier in url for url in run.opened) or verifier in run.output:
        yield finding(run, "the verifier appears in the browser's URL or in the output", each)
    other = [seen for seen in run.carrying([verifier]) if seen not in run.redemptions]
    if other:
        yield finding(run, "the verifier was sent to more than the token endpoint", other[0])


RULES: tuple[Rule, ...] = (
    s256_of_a_client,
    pkce_support_is_checked,
    no_downgrade_to_plain,
    verifier_of_a_client,
    verifier_stays_secret,
)
