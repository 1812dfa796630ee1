"""The metadata of an authorization server (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mcp_vacuum.audit.evidence.server import Fetched, ServerEvidence, is_endpoint, read
from mcp_vacuum.audit.keys import flaws_of, is_weak
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    not_applicable,
    rule,
)
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.safety.url import check_endpoint, printable


@rule(
    id="AS-META-01",
    title="Publishes metadata at a conforming well-known URL",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization, Overview item 5", "RFC 8414 §3 and §3.1", "OpenID Connect Discovery §4"),
    fix="serve RFC 8414 metadata for the exact issuer",
    kinds=(Kind.PASSIVE,),
    bad=('authorization_servers: ["https://as.example/tenant"], and 404 at all three well-known URLs'),
    good=("GET https://as.example/.well-known/oauth-authorization-server/tenant: 200, application/json"),
)
def metadata_is_published(evidence: ServerEvidence) -> Results:
    """A client finds endpoints, PKCE support and the issuer there; without it a conforming client stops."""
    for issuer in evidence.known_issuers():
        if not issuer.found:
            seen = issuer.documents[0]
            unclear = all(each.exchange.response is None for each in issuer.documents)
            if unclear:
                yield NotChecked(f"INCONCLUSIVE: {printable(issuer.name)}: {seen.problem}")
            else:
                yield Finding(
                    printable(issuer.name),
                    f"no metadata at any well-known URL: {seen.problem}",
                    at=seen.exchange,
                )
        for document in issuer.found:
            if document.exchange.media_type != "application/json":
                said = printable(document.exchange.media_type) or "no media type"
                yield Finding(
                    document.url,
                    f"it is served as {said}, not application/json",
                    Severity.LOW,
                    at=document.exchange,
                )


@rule(
    id="AS-META-02",
    title="issuer is identical to the advertised identifier and well formed",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 8414 §3.3 and §2", "OpenID Connect Discovery §4.3"),
    fix="make PRM and metadata use one string",
    kinds=(Kind.PASSIVE,),
    bad=('authorization_servers: ["https://as.example"], metadata: {"issuer": "https://evil.example"}'),
    good='authorization_servers: ["https://as.example"], metadata: {"issuer": "https://as.example"}',
)
def issuer_is_identical(evidence: ServerEvidence) -> Results:
    """The issuer ties metadata, codes and tokens to one server; another string opens the way to mix-up."""
    for issuer, document in evidence.known_documents():
        where = f"{document.url}, issuer"
        stated = document.text("issuer")
        if stated is None:
            yield Finding(where, "it is missing or no string", at=document.exchange)
        elif stated != issuer.name:
            slash = stated.rstrip("/") == issuer.name.rstrip("/")
            why = f"it is {printable(stated)}, but the resource names {printable(issuer.name)}"
            yield Finding(where, why, Severity.HIGH if slash else None, at=document.exchange)
        elif "?" in stated or "#" in stated:
            yield Finding(where, "it has a query or a fragment", Severity.HIGH, at=document.exchange)


_WITH_SIGNATURES = frozenset({"private_key_jwt", "client_secret_jwt"})
_WANTED = frozenset({"response_types_supported", "code_challenge_methods_supported"})
"""Where an empty array is more than untidy: AS-PKCE-01 has the second."""
_ALGORITHMS = "token_endpoint_auth_signing_alg_values_supported"


@rule(
    id="AS-META-03",
    title="Required metadata members exist with correct types",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "RFC 8414 §2 and §3.2",
        "MCP client credentials extension, Server Metadata Requirements",
        "MCP workload identity federation, Authorization Server Metadata",
    ),
    fix="complete the document",
    kinds=(Kind.PASSIVE,),
    bad='{"issuer": "https://as.example", "token_endpoint": "/token", "response_types_supported": []}',
    good=(
        '{"issuer": "https://as.example", "authorization_endpoint": "https://as.example/authorize", '
        '"token_endpoint": "https://as.example/token", "response_types_supported": ["code"], …}'
    ),
)
def metadata_is_complete(evidence: ServerEvidence) -> Results:
    """A client can only guess at what is missing, and two clients guess differently."""
    for _, document in evidence.known_documents():
        for name, why in (*_endpoints(document), *_lists(document), *_needed_beside(document)):
            yield Finding(f"{document.url}, {name}", why, at=document.exchange)
        for name, value in (document.members or {}).items():
            if value == [] and name not in _WANTED:
                where = f"{document.url}, {printable(name)}"
                yield Finding(where, "it is empty, and so to be left out", Severity.LOW, at=document.exchange)


def _endpoints(document: Fetched) -> Iterator[tuple[str, str]]:
    """Endpoints that are missing, or no URLs; plain http is the business of AS-TLS-01."""
    members = document.members or {}
    grants = document.words("grant_types_supported")
    visited = grants is None or {"authorization_code", "implicit"} & set(grants)
    for name in ("token_endpoint", *(("authorization_endpoint",) if visited else ())):
        if name not in members:
            yield name, "it is missing"
    for name in members:
        if is_endpoint(name) and (why := _no_url(members[name])):
            yield printable(name), why


def _no_url(value: object) -> str:
    if not isinstance(value, str):
        return "it is no string"
    try:
        check_endpoint(value.replace("http://", "https://", 1), "it")
    except SecurityRefused as refused:
        return refused.message
    return ""


def _lists(document: Fetched) -> Iterator[tuple[str, str]]:
    members = document.members or {}
    response_types = document.words("response_types_supported")
    if "response_types_supported" not in members:
        yield "response_types_supported", "it is missing"
    elif response_types is not None and "code" not in response_types:
        yield "response_types_supported", "it lists no code, the only response type of OAuth 2.1"
    for name, value in members.items():
        if name.endswith("_supported") and not isinstance(value, bool) and document.words(name) is None:
            yield printable(name), "it is no array of strings"


def _needed_beside(document: Fetched) -> Iterator[tuple[str, str]]:
    """What RFC 8414 §2 wants beside methods that sign."""
    signing = _WITH_SIGNATURES & set(document.words("token_endpoint_auth_methods_supported") or ())
    if signing and _ALGORITHMS not in (document.members or {}):
        yield _ALGORITHMS, f"it is missing beside {', '.join(sorted(signing))}"
    grants = set(document.words("grant_types_supported") or ())
    if "client_credentials" in grants and document.words("token_endpoint_auth_methods_supported") is None:
        yield "token_endpoint_auth_methods_supported", "it is missing beside client_credentials"


@rule(
    id="AS-META-04",
    title="OAuth and OpenID metadata documents agree",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 8414 §5", "RFC 9700 §2.6"),
    fix="generate both from one source",
    kinds=(Kind.PASSIVE,),
    bad="oauth-authorization-server: token_endpoint /token, openid-configuration: token_endpoint /v2/token",
    good="both documents have the same endpoints, issuer, jwks_uri and PKCE methods",
)
def documents_agree(evidence: ServerEvidence) -> Results:
    """Which document a client reads must not decide where it sends a code, or how well it is protected."""
    evidence.known_documents()
    pairs = [pair for issuer in evidence.issuers for pair in pairwise(issuer.found)]
    if not pairs:
        raise not_applicable("there is one document and no other to compare it with")
    for one, other in pairs:
        for name in _shared(one, other):
            why = f"it is another one than at {printable(one.url)}"
            yield Finding(f"{other.url}, {printable(name)}", why, at=other.exchange)
        for name in _lacking(one, other):
            why = f"only one of this document and {printable(one.url)} has it"
            yield Finding(f"{other.url}, {printable(name)}", why, Severity.LOW, at=other.exchange)


_ALSO_COMPARED = frozenset(
    {
        "issuer",
        "jwks_uri",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
    }
)

_OF_OPENID = frozenset({"userinfo_endpoint", "end_session_endpoint"})
"""Only one of the documents has to know them."""


def _compared(document: Fetched) -> dict[str, object]:
    members = document.members or {}
    return {name: value for name, value in members.items() if is_endpoint(name) or name in _ALSO_COMPARED}


def _shared(one: Fetched, other: Fetched) -> list[str]:
    here, there = _compared(one), _compared(other)
    return sorted(name for name in here.keys() & there.keys() if here[name] != there[name])


def _lacking(one: Fetched, other: Fetched) -> list[str]:
    return sorted((_compared(one).keys() ^ _compared(other).keys()) - _OF_OPENID)


@rule(
    id="AS-META-05",
    title="jwks_uri is https and exposes only sound public keys",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 8414 §2", "RFC 7517 §4.5 and §9.2", "FAPI 2.0 Security Profile §5.4.1 and §5.4.2"),
    fix="publish public keys only; rotate weak ones",
    kinds=(Kind.PASSIVE,),
    bad='{"keys": [{"kty": "RSA", "kid": "1", "n": "…", "e": "AQAB", "d": "…"}]}',
    good='{"keys": [{"kty": "EC", "kid": "1", "use": "sig", "crv": "P-256", "x": "…", "y": "…"}]}',
)
def keys_are_public_and_sound(evidence: ServerEvidence) -> Results:
    """Whoever has the private half, or can compute it, signs tokens for everybody."""
    evidence.known_documents()
    sets = [read("keys", each.url, each) for issuer in evidence.issuers if (each := issuer.endpoints.keys)]
    if not sets:
        raise not_applicable("no authorization server names a jwks_uri")
    for keys in sets:
        where = printable(keys.url)
        if keys.exchange.response is None:
            yield NotChecked(f"INCONCLUSIVE: {where}: {keys.problem}")
        elif keys.members is None:
            yield Finding(where, f"there are no keys: {keys.problem}", at=keys.exchange)
        else:
            for flaw in flaws_of(keys.members):
                yield Finding(f"{where}, {flaw.where}", flaw.why, flaw.severity, at=keys.exchange)


_LEGACY_GRANTS = frozenset({"password", "implicit"})


@rule(
    id="AS-META-06",
    title="Advertises no weak or symmetric algorithms or legacy grants",
    level=Level.SHOULD_NOT,
    severity=Severity.MEDIUM,
    sources=(
        "RFC 8414 §2 (none forbidden for token_endpoint_auth_signing_alg_values_supported)",
        "RFC 8725 §3.2",
        "RFC 9700 §2.1.2 and §2.4",
    ),
    fix="remove them from metadata and configuration",
    kinds=(Kind.PASSIVE,),
    bad='{"grant_types_supported": ["authorization_code", "password"], …}',
    good='{"grant_types_supported": ["authorization_code", "refresh_token"], …}',
)
def nothing_weak_is_advertised(evidence: ServerEvidence) -> Results:
    """What is advertised gets used: passwords for clients, tokens in URLs, signatures of anybody."""
    for issuer, document in evidence.known_documents():
        if document is not issuer.found[0] and document.members == issuer.found[0].members:
            continue
        for name, weak in _weak(document):
            where = f"{document.url}, {printable(name)}"
            yield Finding(where, f"it lists {printable(', '.join(weak))}", at=document.exchange)
        methods = document.words("token_endpoint_auth_methods_supported")
        if methods and all(method.startswith("client_secret_") for method in methods):
            where = f"{document.url}, token_endpoint_auth_methods_supported"
            why = "it lists shared secrets only: neither public clients nor keys"
            yield Finding(where, why, Severity.LOW, at=document.exchange)


def _weak(document: Fetched) -> Iterator[tuple[str, list[str]]]:
    """Members with what is weak in them; DPoP has AS-DPOP-01."""
    for name in document.members or {}:
        listed = document.words(name) or ()
        weak: list[str] = []
        if name == "grant_types_supported":
            weak = [grant for grant in listed if grant in _LEGACY_GRANTS]
        elif name == "response_types_supported":
            weak = [kind for kind in listed if "token" in kind.split()]
        elif name.endswith("_alg_values_supported") and not name.startswith("dpop_"):
            weak = [algorithm for algorithm in listed if is_weak(algorithm)]
        if weak:
            yield name, weak


RULES: tuple[Rule, ...] = (
    metadata_is_published,
    issuer_is_identical,
    metadata_is_complete,
    documents_agree,
    keys_are_public_and_sound,
    nothing_weak_is_advertised,
)
