"""PKCE at an authorization server (RFC 7636, OAuth 2.1 §4.1)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.rule import Finding, Kind, Level, Results, Rule, Severity, planned, rule
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
    because="whether it is accepted is part of the one-login ladder (--active)",
)
def plain_is_not_advertised(evidence: ServerEvidence) -> Results:
    """With plain, whoever reads the authorization request has the verifier too."""
    for _, document in evidence.known_documents():
        if "plain" in (document.words("code_challenge_methods_supported") or ()):
            where = f"{document.url}, code_challenge_methods_supported"
            yield Finding(where, "it lists plain", at=document.exchange)


as_pkce_03 = planned(
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
    because="it is part of the one-login ladder (--active)",
)

as_pkce_04 = planned(
    id="AS-PKCE-04",
    title="Wrong or missing code_verifier is refused",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §4.1.3", "RFC 7636 §4.6", "RFC 9700 §2.1.1"),
    fix="verify challenge on redemption",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_pkce_05 = planned(
    id="AS-PKCE-05",
    title="Verifier without earlier challenge is refused (downgrade)",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9700 §2.1.1 and §4.8.2", "OAuth 2.1 §4.1.3", "OAuch, IsPkceDowngradeDetected"),
    fix="reject unexpected code_verifier",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_pkce_06 = planned(
    id="AS-PKCE-06",
    title="No method confusion and no undersized verifier",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7636 §4.1 and §4.6", "OAuch, IsPkcePlainDowngradeDetected, ShortVerifier"),
    fix="bind method to code; enforce 43-128",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    s256_is_advertised,
    plain_is_not_advertised,
    as_pkce_03,
    as_pkce_04,
    as_pkce_05,
    as_pkce_06,
)
