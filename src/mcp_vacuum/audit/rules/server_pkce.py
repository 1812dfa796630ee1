"""PKCE at an authorization server (RFC 7636, OAuth 2.1 §4.1)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.probe import issued, tried
from mcp_vacuum.audit.reaction import (
    gives_token,
)
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
from mcp_vacuum.safety.url import printable


@rule(
    id="AS-PKCE-01",
    title="code_challenge_methods_supported is present and contains S256",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Authorization Code Protection",
        "OAuth 2.1 §4.1.1 (S256 mandatory to implement)",
        "RFC 9700 §2.1.1",
    ),
    fix="advertise S256",
    kinds=(Kind.PASSIVE,),
    bad='{"issuer": "https://as.example", …} without code_challenge_methods_supported',
    good='{"code_challenge_methods_supported": ["S256"], …}',
)
def s256_is_advertised(evidence: ServerEvidence) -> Results:
    """A client must refuse to log in where PKCE is not stated: without it, a stolen code is enough."""
    for _, document in evidence.known_documents():
        where = f"{document.url}, code_challenge_methods_supported"
        stated = (document.members or {}).get("code_challenge_methods_supported")
        methods = document.words("code_challenge_methods_supported")
        if stated is None:
            yield Finding(where, "it is missing, which means no PKCE", at=document.exchange)
        elif methods is None:
            yield Finding(where, "it is no array of strings", at=document.exchange)
        elif "S256" not in methods:
            yield Finding(
                where,
                f"it lists {printable(', '.join(methods)) or 'nothing'}, not S256",
                at=document.exchange,
            )


@rule(
    id="AS-PKCE-02",
    title="plain method is neither advertised nor accepted",
    level=Level.SHOULD_NOT,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §4.1.1", "RFC 7636 §7.2", "FAPI 2.0 Security Profile §5.3.2.2-5"),
    fix="disable plain",
    kinds=(Kind.PASSIVE, Kind.ACTIVE),
    bad='{"code_challenge_methods_supported": ["S256", "plain"], …}',
    good='{"code_challenge_methods_supported": ["S256"], …}',
)
def plain_is_not_advertised(evidence: ServerEvidence) -> Results:
    """With plain, whoever reads the authorization request has the verifier too."""
    for _, document in evidence.known_documents():
        if "plain" in (document.words("code_challenge_methods_supported") or ()):
            where = f"{document.url}, code_challenge_methods_supported"
            yield Finding(where, "it lists plain", at=document.exchange)


@rule(
    id="AS-PKCE-03",
    title="Authorization without code_challenge is refused",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §7.5.2",
        "RFC 9700 §2.1.1",
        "FAPI 2.0 Security Profile §5.3.2.2-5",
        "OAuch, IsPkceRequired",
    ),
    fix="require PKCE for all clients",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize without code_challenge: a login page, then a code that brings a token",
    good="GET /authorize without code_challenge: error=invalid_request",
)
def pkce_is_required(evidence: ActiveEvidence) -> Results:
    """Without a challenge a stolen code is enough: nothing ties it to the client that asked for it."""
    shown = issued(evidence, "no challenge")
    if shown is None:
        return
    tried = evidence.gave("redeemed without challenge", "redeemed without verifier")
    for exchange in tried.values():
        if gives_token(exchange):
            why = "a code that was asked for without code_challenge brings a token"
            yield Finding("authorization request, code_challenge", why, at=exchange)
            return
    if "redeemed without verifier" not in tried:
        yield NotChecked(f"INCONCLUSIVE: a code was issued; {evidence.why('redeemed without verifier')}")


@rule(
    id="AS-PKCE-04",
    title="Wrong or missing code_verifier is refused",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §4.1.3", "RFC 7636 §4.6", "RFC 9700 §2.1.1"),
    fix="verify challenge on redemption",
    kinds=(Kind.ACTIVE,),
    bad="POST /token with a verifier that does not belong to the challenge: 200 and a token",
    good="POST /token with a verifier that does not belong to the challenge: 400, invalid_grant",
)
def verifier_is_checked(evidence: ActiveEvidence) -> Results:
    """Whoever stole a code has no verifier; it must not matter less than the code itself."""
    control = evidence.must_have_token()
    for name in ("wrong verifier", "missing verifier"):
        yield from tried(evidence, name, f"a {name}", gives_token, control)


@rule(
    id="AS-PKCE-05",
    title="Verifier without earlier challenge is refused (downgrade)",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9700 §2.1.1 and §4.8.2", "OAuth 2.1 §4.1.3", "OAuch, IsPkceDowngradeDetected"),
    fix="reject unexpected code_verifier",
    kinds=(Kind.ACTIVE,),
    bad="a code without a challenge, redeemed with a verifier: 200 and a token",
    good="a code without a challenge, redeemed with a verifier: 400, invalid_grant",
)
def unexpected_verifier_is_refused(evidence: ActiveEvidence) -> Results:
    """An attacker strips the challenge from the request; the client's verifier then has to give that away."""
    if issued(evidence, "no challenge") is None:
        return
    exchange = evidence.exchange("redeemed without challenge")
    if gives_token(exchange):
        why = "a verifier is taken although the code has no challenge: a stripped challenge is not noticed"
        yield Finding("token request, code_verifier", why, at=exchange)


@rule(
    id="AS-PKCE-06",
    title="No method confusion and no undersized verifier",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7636 §4.1 and §4.6", "OAuch, IsPkcePlainDowngradeDetected, ShortVerifier"),
    fix="bind method to code; enforce 43-128",
    kinds=(Kind.ACTIVE,),
    bad="an S256 code, redeemed with the challenge as verifier: 200 and a token",
    good="an S256 code, redeemed with the challenge as verifier: 400, invalid_grant",
)
def methods_are_not_confused(evidence: ActiveEvidence) -> Results:
    """The challenge travels through the browser: if it is taken as verifier, S256 has become plain."""
    control = evidence.must_have_token()
    yield from tried(evidence, "verifier is challenge", "the challenge as verifier", gives_token, control)
    short = "a verifier of 20 characters"
    yield from tried(evidence, "short verifier", short, gives_token, control, Severity.LOW)


@also(plain_is_not_advertised, Kind.ACTIVE)
def plain_is_not_accepted(evidence: ActiveEvidence) -> Results:
    """With plain, whoever reads the authorization request has the verifier too."""
    for name, what in (("plain", "code_challenge_method=plain"), ("no method", "no code_challenge_method")):
        shown = issued(evidence, name)
        if shown is None:
            continue
        redeemed = evidence.exchange(f"redeemed {name}")
        if gives_token(redeemed):
            yield Finding("authorization request, code_challenge_method", f"{what} is taken", at=shown)


RULES: tuple[Rule, ...] = (
    s256_is_advertised,
    plain_is_not_accepted,
    pkce_is_required,
    verifier_is_checked,
    unexpected_verifier_is_refused,
    methods_are_not_confused,
)
