"""Clients at an authorization server: authentication, registration, metadata documents."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_assertions import DEFECTS
from mcp_vacuum.audit.evidence.active_client import DANGEROUS
from mcp_vacuum.audit.evidence.active_endpoints import GUESSES
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    error_of,
    gives_token,
    text_member,
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
    planned,
    rule,
)
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import printable

_HOW_BAD = {
    "plain http on another host": Severity.HIGH,
    "a wildcard host": Severity.MEDIUM,
    "a fragment": Severity.MEDIUM,
    "a user name": Severity.MEDIUM,
    "a scheme without a dot": Severity.LOW,
}
"""Where it is milder than the rule: no script runs, and nothing leaves the way to the registered host."""


@rule(
    id="AS-CLI-01",
    title="Confidential clients must authenticate; guessing is throttled",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §3.2.1 and §2.4.1", "RFC 6749 §3.2.1", "FAPI 2.0 Security Profile §5.3.2.1-6"),
    fix="enforce authentication and rate limits",
    kinds=(Kind.ACTIVE,),
    bad="POST /token as a confidential client without its secret: 200 and a token",
    good="POST /token as a confidential client without its secret: 401, invalid_client",
)
def clients_have_to_authenticate(evidence: ActiveEvidence) -> Results:
    """The secret is what tells this client from everybody who knows its name."""
    evidence.must_have_token()
    if evidence.other is None or evidence.other.public:
        raise not_applicable("no client with a secret could be registered")
    control = evidence.exchange("granted to another")
    for name, what in (
        ("without secret", "a request without the secret"),
        ("wrong secret", "a wrong secret"),
    ):
        yield from tried(evidence, name, what, gives_token, control)
        exchange = evidence.seen.get(name)
        if exchange is not None and 400 <= exchange.status < 500 and error_of(exchange) != "invalid_client":
            why = f"{what} gets {printable(error_of(exchange), 60) or exchange.said}, not invalid_client"
            yield Finding("client authentication", why, Severity.LOW, at=exchange)
    yield from _guessing(evidence)


@rule(
    id="AS-CLI-02",
    title="Client assertions are fully validated",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7523 §3", "rfc7523bis §4", "OAuch, Jwt/* tests"),
    fix="validate per RFC 7523 and bis",
    kinds=(Kind.ACTIVE,),
    bad="POST /token with a client_assertion that was used before: 200 and a token",
    good="POST /token with a client_assertion that was used before: 401, invalid_client",
)
def client_assertions_are_validated(evidence: ActiveEvidence) -> Results:
    """An assertion is seen by whoever it was sent to: what is not checked lets them be this client."""
    evidence.must_have_document()
    control = evidence.exchange("asserted")
    tries = {what: f"assertion: {what}" for what in DEFECTS}
    if not gives_token(control) and not any(map(gives_token, evidence.gave(*tries.values()).values())):
        said = printable(error_of(control), 60) or control.said
        raise inconclusive(f"a sound assertion brings no token: {said}")
    for what, name in tries.items():
        yield from tried(evidence, name, f"an assertion {what}", gives_token, control)
    wide = evidence.seen.get("assertion: token endpoint")
    if wide is not None and gives_token(wide):
        why = "its audience may be the token endpoint, and not only the issuer"
        yield Finding("client_assertion, aud", why, Severity.INFO, at=wide)


@rule(
    id="AS-CLI-03",
    title="Registration refuses dangerous redirect URIs",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9700 §2.6", "RFC 7591 §5", "OAuth 2.1 §2.3 and §2.3.1", "OpenID Connect Registration §2"),
    fix="validate at registration",
    kinds=(Kind.ACTIVE,),
    bad='POST /register {"redirect_uris": ["javascript:alert(1)"]}: 201',
    good='POST /register {"redirect_uris": ["javascript:alert(1)"]}: 400, invalid_redirect_uri',
)
def dangerous_uris_are_not_registered(evidence: ActiveEvidence) -> Results:
    """What is registered is where people are sent: into a script, in the clear, or to anybody's host."""
    evidence.must_have_document()
    registered = evidence.client.registration if evidence.client else None
    if registered is None:
        raise evidence_of_registration(evidence)
    for what, uri in DANGEROUS.items():
        exchange = evidence.exchange(f"registered {what}")
        if text_member(exchange, "client_id") and exchange.status < 300:
            yield Finding(
                "registration, redirect_uris", f"{what} is registered: {uri}", _HOW_BAD.get(what), at=exchange
            )
        elif exchange.response is None or exchange.status >= 500 or exchange.status == 429:
            yield NotChecked(f"INCONCLUSIVE: registering {what}: {exchange.said}")


@rule(
    id="AS-CLI-04",
    title="Registration response is minimal, correct and protected",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("RFC 7591 §3.2.1", "RFC 7592 §2 and §3", "RFC 7591 §5"),
    fix="fix registration handling",
    kinds=(Kind.ACTIVE,),
    bad=(
        "POST /register: 201 with client_secret, without client_secret_expires_at; GET of the client without "
        "its token: 200"
    ),
    good="POST /register: 201, Cache-Control: no-store; GET of the client without its token: 401",
)
def registrations_are_minimal_and_guarded(evidence: ActiveEvidence) -> Results:
    """A registration is a credential: it must not lie in a cache, and only its owner may change it."""
    evidence.must_have_document()
    registered = evidence.client.registration if evidence.client else None
    if registered is None:
        raise evidence_of_registration(evidence)
    told: set[str] = set()
    for name in ("registered", "registered another"):
        for found in _registration(evidence.seen[name]) if name in evidence.seen else ():
            if isinstance(found, Finding) and found.why not in told:
                told.add(found.why)
                yield found
    for name in ("managed without a token", "managed with a wrong token"):
        if name in evidence.seen and evidence.seen[name].status == 200:
            why = f"it is read {name.removeprefix('managed ')}"
            yield Finding("registration_client_uri", why, Severity.HIGH, at=evidence.seen[name])
    deleted = evidence.seen.get("deleted")
    if deleted is not None and deleted.status not in (200, 204):
        yield Finding("registration_client_uri", f"deleting gets {deleted.said}", Severity.LOW, at=deleted)


as_cli_05 = planned(
    id="AS-CLI-05",
    title="CIMD: advertised, document fetched and matched exactly",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Implementation Requirements (authorization servers)",
        "Client ID Metadata Document draft 00 §4, §4.1, §4.5 and §5",
    ),
    fix="validate document before consent",
    kinds=(Kind.ACTIVE,),
    because="it needs a host of ours that the authorization server can reach from the internet",
)

as_cli_06 = planned(
    id="AS-CLI-06",
    title="CIMD fetch resists SSRF, redirects and large bodies",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Authorization Server Abuse Protection",
        "Client ID Metadata Document draft 00 §6.5 and §6.6",
        "Client ID Metadata Document draft 01 §4 and §6.5 (MUST)",
    ),
    fix="block special-use addresses, cap 5 kB",
    kinds=(Kind.ACTIVE,),
    because="it needs a host of ours that the authorization server can reach from the internet",
)


def evidence_of_registration(evidence: ActiveEvidence) -> Exception:
    """Say why there is no registration to look at."""
    if evidence.client is not None or evidence.stated("registration_endpoint") is None:
        return not_applicable("no client is registered by itself here")
    return inconclusive(evidence.why("registered"))


def _guessing(evidence: ActiveEvidence) -> Results:
    """Twenty wrong secrets should bring delay or 429."""
    tries = [each for name, each in evidence.seen.items() if name.startswith("guess ")]
    answered = [each for each in tries if each.response]
    if len(answered) < GUESSES or any(each.status == 429 for each in tries):
        return
    first, last = answered[0].seconds, answered[-1].seconds
    if last < 2 * first + 0.5:
        why = f"{len(answered)} wrong secrets in a row are answered as fast as one"
        yield Finding("client authentication", why, Severity.LOW, at=answered[-1])


def _registration(exchange: Exchange) -> Results:
    try:
        document = exchange.document
    except NotADocument:
        return
    if exchange.status != 201:
        yield Finding("registration response", f"{exchange.said} instead of 201", Severity.LOW, at=exchange)
    if not document.get("client_secret"):
        return
    if "no-store" not in (exchange.header("cache-control") or "").lower():
        why = "there is a client_secret, and Cache-Control does not say no-store"
        yield Finding("registration response, Cache-Control", why, at=exchange)
    if "client_secret_expires_at" not in document:
        why = "there is a client_secret, and no client_secret_expires_at"
        yield Finding("registration response, client_secret_expires_at", why, at=exchange)


RULES: tuple[Rule, ...] = (
    clients_have_to_authenticate,
    client_assertions_are_validated,
    dangerous_uris_are_not_registered,
    registrations_are_minimal_and_guarded,
    as_cli_05,
    as_cli_06,
)
