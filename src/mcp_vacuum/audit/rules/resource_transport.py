"""Sessions, origins, caches, connections and errors of an MCP server."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.strangers import EVIL
from mcp_vacuum.audit.evidence.tls import is_https
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.guess import ENOUGH, TOLERABLE_BITS, bits_of, is_dated
from mcp_vacuum.audit.leaks import leaks_in
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    is_served,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    inconclusive,
    not_applicable,
    rule,
)
from mcp_vacuum.audit.rules.server_tls import certificates, clear_text, is_plain, protocols
from mcp_vacuum.safety.url import origin, printable


@rule(
    id="RS-SESS-01",
    title="Session ids and state handles are not authentication",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=("MCP security best practices, State Handle Hijacking", "MCP 2025-11-25 SBP Session Hijacking"),
    fix="bind to the token subject",
    kinds=(Kind.ACTIVE,),
    bad="Mcp-Session-Id of a login, without its token: 200",
    good="Mcp-Session-Id of a login, without its token: 401",
)
def sessions_are_no_login(evidence: ActiveEvidence) -> Results:
    """A session id goes through logs and proxies as nothing secret; it must not open anything."""
    evidence.must_have_token()
    evidence.exchange("sessions")
    control = evidence.exchange("session with token")
    yield from tried(evidence, "session without token", "a session id without a token", is_served, control)


@rule(
    id="RS-SESS-02",
    title="Session ids and handles are random and unpredictable",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=(
        "MCP security best practices, State Handle Hijacking",
        "MCP 2025-11-25 transports Session Management",
    ),
    fix="use a CSPRNG",
    kinds=(Kind.ACTIVE,),
    bad="Mcp-Session-Id: 1017, then 1018",
    good="Mcp-Session-Id: (a random UUID)",
)
def session_ids_are_random(evidence: ActiveEvidence) -> Results:
    """Where a session id can be guessed, somebody else's can be tried."""
    evidence.must_have_token()
    evidence.exchange("sessions")
    found = [
        each.header("mcp-session-id") for name, each in evidence.seen.items() if name.startswith("session ")
    ]
    values = tuple(dict.fromkeys(value for value in found if value))
    if len(values) < ENOUGH:
        raise inconclusive(f"{len(values)} different session ids are too few to compare")
    if any(not value.isascii() or not value.isprintable() for value in values):
        yield Finding("Mcp-Session-Id", "it has characters that are not visible ASCII")
    if is_dated(values[0]):
        yield Finding("Mcp-Session-Id", "it is a UUID made of the time and the machine")
    elif (bits := bits_of(values)) < TOLERABLE_BITS:
        yield Finding("Mcp-Session-Id", f"about {bits:.0f} bits change from one to the next")


@rule(
    id="RS-HTTP-01",
    title="Origin is validated (DNS rebinding)",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP streamable HTTP, Security & Endpoint",
        "MCP 2025-11-25 transports Security Warning",
        "MCP conformance suite, dns-rebinding",
    ),
    fix="allow-list Origin and Host",
    kinds=(Kind.PASSIVE,),
    bad="POST /mcp with Origin: https://evil.example: 200",
    good="POST /mcp with Origin: https://evil.example: 403",
)
def origin_is_validated(evidence: ServerEvidence) -> Results:
    """Any page that a person looks at could otherwise speak with servers that only they can reach."""
    control, strangers = evidence.greetings["initialize"], evidence.strangers
    if strangers is None or control.response is None:
        raise inconclusive("the server answered no request")
    yield from _let_in("a request with the Origin of another site", strangers.called, control)
    if strangers.rebound is not None:
        yield from _let_in("a request with the Host of another name", strangers.rebound, control)


def _let_in(what: str, asked: Exchange, control: Exchange) -> Results:
    """A refusal counts where the same request from nowhere gets another answer; a 401 tells nothing."""
    if asked.response is None:
        yield NotChecked(f"INCONCLUSIVE: {what}: {asked.failure}")
    elif asked.status < 300:
        yield Finding(asked.url, f"{what} is answered with {asked.said}", at=asked)
    elif asked.status == 401:
        yield NotChecked(f"INCONCLUSIVE: {what}: the token is asked for first")
    elif asked.status >= 500 or asked.status in (429, control.status):
        yield NotChecked(f"INCONCLUSIVE: {what}: {asked.said}, and without it {control.said}")


@rule(
    id="RS-HTTP-02",
    title="Local HTTP servers listen on loopback and require a token",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP streamable HTTP, Security & Endpoint",
        "MCP security best practices, Local MCP Server Compromise",
    ),
    fix="bind 127.0.0.1, require a token",
    kinds=(Kind.PASSIVE,),
    bad="a server for http://127.0.0.1:8000/mcp that is bound to 0.0.0.0",
    good="a server for http://127.0.0.1:8000/mcp that is bound to 127.0.0.1, and asks for a token",
)
def local_servers_stay_local(evidence: ServerEvidence) -> Results:
    """Who shares the network can reach a server on every address, and any program one without a token."""
    if evidence.elsewhere is None:
        raise not_applicable("the server is not on this machine's loopback")
    if not evidence.elsewhere.tried:
        raise inconclusive("this machine has no other address to try")
    if evidence.elsewhere.reached:
        reached = ", ".join(evidence.elsewhere.reached)
        severity = None if evidence.open else Severity.MEDIUM
        yield Finding(evidence.url, f"its port is reached at {reached} too", severity)
    if evidence.open:
        why = "any program of this machine may use it: no token is asked for"
        yield Finding(evidence.url, why, Severity.LOW, at=evidence.greetings["initialize"])


@rule(
    id="RS-HTTP-03",
    title="CORS does not open authenticated data to any site",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("MCP streamable HTTP, Security & Endpoint", "RFC 9700 §2.6 (allows CORS only where needed)"),
    fix="explicit origin list",
    kinds=(Kind.PASSIVE,),
    bad="Access-Control-Allow-Origin: https://evil.example, Access-Control-Allow-Credentials: true",
    good="no Access-Control-Allow-Origin for https://evil.example",
)
def cors_is_closed(evidence: ServerEvidence) -> Results:
    """What CORS allows, a page of any site may read with whatever the browser adds by itself."""
    if evidence.strangers is None:
        raise inconclusive("the server answered no request")
    asked = (evidence.strangers.called, evidence.strangers.preflight)
    if not any(each.response for each in asked):
        raise inconclusive(f"the server did not answer another site: {asked[0].said}")
    for exchange in asked:
        if allowed := allowed_origin(exchange):
            with_cookies = exchange.header("access-control-allow-credentials") == "true"
            severity = None if with_cookies and allowed != "*" else Severity.LOW
            why = f"{exchange.method} from {EVIL}: Access-Control-Allow-Origin is {printable(allowed, 60)}"
            why += ", with credentials" if with_cookies else ""
            yield Finding(exchange.url, why, severity, at=exchange)


def allowed_origin(exchange: Exchange) -> str:
    """Return what CORS allows to a page of `EVIL`; empty if nothing."""
    allowed = (exchange.header("access-control-allow-origin") or "").strip()
    return allowed if allowed in ("*", EVIL) else ""


@rule(
    id="RS-HTTP-04",
    title="Authenticated results are not cacheable across users",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP caching, Cache Scope Field and Security Considerations",
        "OAuth 2.1 §7.1.3.1",
        "OAuch, ApiEndpoint/CacheControl",
    ),
    fix="cacheScope private, Cache-Control no-store",
    kinds=(Kind.ACTIVE,),
    bad="POST /mcp with a token: 200, Cache-Control: public, max-age=600",
    good="POST /mcp with a token: 200, Cache-Control: no-store",
)
def results_are_not_cached(evidence: ActiveEvidence) -> Results:
    """A shared cache would give one person's results to the next one who asks."""
    evidence.must_have_token()
    served = [each for each in evidence.gave("used", "listed").values() if is_served(each)]
    if not served:
        raise inconclusive("the server takes no token of ours")
    for exchange in served:
        control = (exchange.header("cache-control") or "").lower()
        if shared := [word for word in ("public", "s-maxage") if word in control]:
            why = f"Cache-Control says {shared[0]}: a shared cache may keep it"
            yield Finding(f"{exchange.purpose}, Cache-Control", why, at=exchange)


@rule(
    id="RS-TLS-01",
    title="MCP endpoint and PRM use sound TLS",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9728 §7.1", "OAuth 2.1 §1.5", "RFC 9325 §3.1.1, §4.2 and §7.1"),
    fix="fix TLS",
    kinds=(Kind.PASSIVE,),
    bad="https://mcp.example agrees to TLS 1.0, or http://mcp.example/mcp answers too",
    good="https://mcp.example offers TLS 1.2 and 1.3, and http://mcp.example/mcp redirects",
)
def tls_is_sound(evidence: ServerEvidence) -> Results:
    """Tokens go over this connection, and the metadata that says where logins happen comes over it."""
    urls = [evidence.url, *(document.url for document in evidence.resource)]
    for document in evidence.resource:
        if is_plain(document.url):
            where = "WWW-Authenticate, resource_metadata"
            yield Finding(where, f"it is {printable(document.url)}", at=document.exchange)
    wanted = {origin(url) for url in urls if is_https(url)}
    found = [each for name, each in evidence.connections.items() if name in wanted]
    if not found:
        raise not_applicable("the server is on loopback, where plain http never leaves the machine")
    yield from clear_text(found)
    yield from protocols(found)
    yield from certificates(found)


@rule(
    id="RS-ERR-01",
    title="Errors and public pages leak no secrets or internals",
    level=Level.ADVICE,
    severity=Severity.LOW,
    sources=("OAuth 2.1 §7.11", "MCP elicitation, Safe URL Handling (no credentials in URLs)"),
    fix="generic error bodies",
    kinds=(Kind.PASSIVE,),
    bad='500, Traceback (most recent call last): File "/srv/app/main.py", line 7, in …',
    good='401, {"error": "invalid_token"}',
)
def nothing_leaks(evidence: ServerEvidence) -> Results:
    """A stack trace tells an attacker what runs where; a token in a page is anybody's."""
    if not any(exchange.response for exchange in evidence.exchanges):
        raise inconclusive("the server answered no request")
    told: set[tuple[str, str]] = set()
    for exchange in evidence.exchanges:
        for leak in leaks_in(exchange):
            place = f"{exchange.method} {exchange.url}"
            if (place, leak) not in told:
                told.add((place, leak))
                yield Finding(place, f"the answer ({exchange.said}) shows {leak}", at=exchange)


RULES: tuple[Rule, ...] = (
    sessions_are_no_login,
    session_ids_are_random,
    origin_is_validated,
    local_servers_stay_local,
    cors_is_closed,
    results_are_not_cached,
    tls_is_sound,
    nothing_leaks,
)
