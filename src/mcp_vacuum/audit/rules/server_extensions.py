"""DPoP, pushed requests, device logins, ID-JAG and proxies."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.wire import redirected
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.guess import WANTED_BITS, bits_of
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.keys import is_weak
from mcp_vacuum.audit.page import lacks
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    error_of,
    gives_token,
    parameters,
    text_member,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    Results,
    Rule,
    Severity,
    also,
    inconclusive,
    not_applicable,
    planned,
    rule,
)
from mcp_vacuum.audit.rules import server_pushed
from mcp_vacuum.safety.url import host_of, origin, printable

_DPOP_ALGORITHMS = "dpop_signing_alg_values_supported"
_DEVICE_LIFETIME = 1800


@rule(
    id="AS-DPOP-01",
    title="DPoP: asymmetric algs advertised, binding and checks enforced",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9449 §4.3, §5 and §5.1", "RFC 9449 §11.6", "MCP conformance suite, sep-1932-as-*"),
    fix="implement RFC 9449 fully",
    kinds=(Kind.PASSIVE, Kind.ACTIVE),
    bad='{"dpop_signing_alg_values_supported": ["ES256", "HS256"], …}',
    good='{"dpop_signing_alg_values_supported": ["ES256"], …}',
)
def dpop_algorithms_are_asymmetric(evidence: ServerEvidence) -> Results:
    """A proof that a symmetric key signs, or none, proves nothing: the server would have the key too."""
    stating = [each for _, each in evidence.known_documents() if _DPOP_ALGORITHMS in (each.members or {})]
    if not stating:
        raise not_applicable("no authorization server says that it takes DPoP proofs")
    for document in stating:
        where, listed = f"{document.url}, {_DPOP_ALGORITHMS}", document.words(_DPOP_ALGORITHMS)
        if not listed:
            why = "it is no array of strings with at least one entry"
            yield Finding(where, why, Severity.MEDIUM, at=document.exchange)
        elif weak := [algorithm for algorithm in listed if is_weak(algorithm)]:
            yield Finding(where, f"it lists {printable(', '.join(weak))}", at=document.exchange)


@also(dpop_algorithms_are_asymmetric, Kind.ACTIVE)
def proofs_are_checked(evidence: ActiveEvidence) -> Results:
    """A proof that the server does not look at proves nothing, and the token is a bearer token again."""
    granted = evidence.must_have_token()
    if not evidence.bound:
        raise not_applicable("the resource asks for no bound tokens, so the audit had none")
    if (text_member(granted, "token_type") or "").lower() != "dpop":
        yield Finding("token response, token_type", "it is not DPoP, though a proof came", at=granted)
    jwt = Jwt.read(text_member(granted, "access_token") or "")
    confirmed = jwt.claims.get("cnf") if jwt else None
    if jwt is not None and not (isinstance(confirmed, dict) and confirmed.get("jkt")):
        yield Finding("access token, cnf", "it names no key", at=granted)
    evidence.exchange("proofs")
    control = evidence.exchange("refreshed with proofs")
    for name in [each for each in evidence.seen if each.startswith("proof: ")]:
        yield from tried(evidence, name, evidence.seen[name].purpose, gives_token, control)


@rule(
    id="AS-DEV-01",
    title="Device flow limits polling, code lifetime and guessing",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 8628 §3.5, §5.1 and §5.2", "RFC 8628 §5.4 and §6.1"),
    fix="apply RFC 8628 limits",
    kinds=(Kind.ACTIVE,),
    bad='{"device_code": "1234", "expires_in": 86400}',
    good='{"device_code": "(43 random characters)", "expires_in": 600, "interval": 5}',
)
def device_logins_are_limited(evidence: ActiveEvidence) -> Results:
    """The code is typed by a person who sees no address: what limits guessing is the server alone."""
    evidence.must_have_document()
    begun = evidence.exchange("device")
    code = text_member(begun, "device_code")
    if code is None:
        raise inconclusive(f"no device login could be begun: {printable(error_of(begun), 60) or begun.said}")
    yield from _device(begun, code)
    first, second = evidence.exchange("polled"), evidence.exchange("polled at once")
    if error_of(first) == "authorization_pending" and error_of(second) == "authorization_pending":
        yield Finding(
            "device login, polling", "a poll without any pause gets no slow_down", Severity.LOW, at=second
        )
    for exchange in (first, second):
        if gives_token(exchange):
            yield Finding(
                "device login", "it brings a token before anybody agreed", Severity.CRITICAL, at=exchange
            )


as_jag_01 = planned(
    id="AS-JAG-01",
    title="ID-JAG grant is validated strictly",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP enterprise-managed authorization §7.4 and §7.6.2",
        "ID-JAG draft §4.4.1",
        "RFC 7523 §3",
        "RFC 8725 §3.11",
    ),
    fix="validate every claim, keep a jti cache",
    kinds=(Kind.ACTIVE,),
    because="it needs a host of ours that the authorization server can reach from the internet",
)


@rule(
    id="AS-PROXY-01",
    title="MCP proxy asks its own consent before third-party redirect",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP security best practices, Confused Deputy Problem",
        "MCP authorization security considerations, Confused Deputy Problem",
    ),
    fix="per-client consent page",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize as any client: 302 to https://idp.example/authorize?client_id=(always the same)",
    good="GET /authorize as any client: a consent page of the proxy's own",
)
def a_proxy_asks_first(evidence: ActiveEvidence) -> Results:
    """The other server remembers the proxy's consent: whoever registers a client gets a code out of it."""
    evidence.must_have_document()
    first, second = evidence.exchange("asked"), evidence.exchange("asked as another")
    if (onward := _forwarded(evidence, first)) is None:
        raise not_applicable("the authorization endpoint sends nobody on to another server by itself")
    if _forwarded(evidence, second) == onward:
        why = (
            f"every client is sent on to {printable(onward[0])} as {printable(onward[1])}, without a question"
        )
        yield Finding("authorization request", why, at=second)


@rule(
    id="AS-PROXY-02",
    title="Proxy state, consent cookie and redirect checks are strict",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP security best practices, Confused Deputy Problem (Required Protections)",
        "OAuth 2.1 §7.9 and §7.10",
    ),
    fix="follow the required protections",
    kinds=(Kind.PASSIVE, Kind.ACTIVE),
    bad="GET /authorize: Set-Cookie: consent=…; Path=/",
    good="GET /authorize: Set-Cookie: __Host-consent=…; Path=/; Secure; HttpOnly; SameSite=Lax",
    because="state, consent and callbacks of a proxy show only to who stands between it and the other server",
)
def cookies_are_strict(evidence: ServerEvidence) -> Results:
    """A cookie that others can set or send makes their consent look like this person's."""
    evidence.known_documents()
    pages = [each.endpoints.page for each in evidence.issuers if each.endpoints.page]
    baked = [(page, line) for page in pages for line in page.lines("set-cookie")]
    if not baked:
        raise inconclusive("a request that names no client gets no cookie")
    for page, line in baked:
        if lacking := lacks(line, encrypted=page.url.startswith("https:")):
            name = printable(line.partition("=")[0].strip(), 60)
            why = f"the cookie {name} lacks {', '.join(lacking)}"
            yield Finding(page.url, why, Severity.MEDIUM, certain=False, at=page)


def _device(begun: Exchange, code: str) -> Results:
    if bits_of((code, "")) and len(code) * 6 < WANTED_BITS:
        why = f"it has {len(code)} characters, which is too short to be unguessable"
        yield Finding("device authorization response, device_code", why, at=begun)
    lifetime = begun.document.get("expires_in")
    if not isinstance(lifetime, int | float) or lifetime > _DEVICE_LIFETIME:
        why = f"it is {printable(str(lifetime), 40)}, not 30 minutes or less"
        yield Finding("device authorization response, expires_in", why, at=begun)
    page = text_member(begun, "verification_uri") or ""
    if page.startswith("http://") and host_of(page) not in ("127.0.0.1", "localhost", "::1"):
        yield Finding("device authorization response, verification_uri", "it is plain http", at=begun)


def _forwarded(evidence: ActiveEvidence, exchange: Exchange) -> tuple[str, str] | None:
    """Return to which other server, and as which client, a request is sent on; None if it is not."""
    onward = redirected(exchange) or ""
    client = next(iter(parameters(onward).get("client_id", ())), "")
    own = {each.credentials.client_id for each in (evidence.client, evidence.other) if each}
    if not client or client in own or not onward.startswith(("http://", "https://")):
        return None
    return (origin(onward), client) if origin(onward) != origin(exchange.url) else None


RULES: tuple[Rule, ...] = (
    proofs_are_checked,
    *server_pushed.RULES,
    device_logins_are_limited,
    as_jag_01,
    a_proxy_asks_first,
    cookies_are_strict,
)
