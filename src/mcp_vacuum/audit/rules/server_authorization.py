"""The authorization endpoint: redirects, responses, pages."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.strangers import EVIL
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.page import Page
from mcp_vacuum.audit.reaction import (
    Reaction,
    reaction,
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
from mcp_vacuum.audit.rules import server_redirects, server_responses
from mcp_vacuum.safety.url import printable


@rule(
    id="AS-AUTHZ-09",
    title="Login and consent pages cannot be framed",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.10", "RFC 9700 §4.16"),
    fix="send frame-ancestors 'none'",
    kinds=(Kind.PASSIVE,),
    bad="GET /authorize: 200, a form, neither Content-Security-Policy nor X-Frame-Options",
    good="GET /authorize: 200, a form, Content-Security-Policy: frame-ancestors 'none'",
)
def pages_cannot_be_framed(evidence: ServerEvidence) -> Results:
    """In a frame that nobody sees, a person clicks on Allow without knowing it."""
    for exchange in _answered_pages(evidence):
        page = Page.of(exchange)
        if page is None:
            why = "a request that names no client gets no page that asks for anything"
            yield NotChecked(f"INCONCLUSIVE: {why}: {exchange.said}")
            continue
        for severity, why in page.flaws():
            yield Finding(exchange.url, why, severity, at=exchange)


def _answered_pages(evidence: ServerEvidence) -> Iterator[Exchange]:
    """The first pages of the authorization endpoints."""
    evidence.known_documents()
    pages = [issuer.endpoints.page for issuer in evidence.issuers if issuer.endpoints.page]
    if not any(page.response for page in pages):
        raise inconclusive("no authorization endpoint answered")
    yield from (page for page in pages if page.response)


@rule(
    id="AS-AUTHZ-10",
    title="Authorization endpoint does not allow CORS",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.1", "RFC 9700 §2.6"),
    fix="exclude the endpoint from CORS",
    kinds=(Kind.PASSIVE,),
    bad="GET /authorize with Origin: https://evil.example: Access-Control-Allow-Origin: *",
    good="GET /authorize with Origin: https://evil.example: no Access-Control-Allow-Origin",
)
def no_script_reads_the_endpoint(evidence: ServerEvidence) -> Results:
    """The endpoint is for a person's browser to go to; no script has business with what it answers."""
    evidence.known_documents()
    asked = [
        exchange
        for issuer in evidence.issuers
        for exchange in (issuer.endpoints.called, issuer.endpoints.preflight)
        if exchange and exchange.response
    ]
    if not asked:
        raise inconclusive("no authorization endpoint answered")
    for exchange in asked:
        allowed = exchange.header("access-control-allow-origin")
        if allowed is not None:
            why = f"{exchange.method} from {EVIL}: Access-Control-Allow-Origin is {printable(allowed, 60)}"
            yield Finding(exchange.url, why, at=exchange)


@rule(
    id="AS-AUTHZ-11",
    title="Public clients never get silent approval",
    level=Level.SHOULD_NOT,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.3 and §7.3.1", "RFC 6749 §10.2", "RFC 8252 §8.6", "OAuch, RequireUserConsent"),
    fix="ask consent again for unauthenticated clients",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?…&prompt=none: a code, and nobody was asked",
    good="GET /authorize?…&prompt=none: error=consent_required",
)
def nobody_is_approved_silently(evidence: ActiveEvidence) -> Results:
    """Any program on the machine can claim to be a public client: only a question tells the person."""
    evidence.must_have_document()
    client = evidence.client
    if client is not None and not client.public and client.registration is None:
        raise not_applicable("the client has a secret, and was not registered by itself")
    asked = evidence.exchange("asked")
    if reaction(asked, evidence.redirect_uri) is Reaction.CODE:
        yield Finding("authorization request", "a code is issued to anybody, and nobody is asked", at=asked)
        return
    visit = evidence.visit("silent login")
    if visit.one("code"):
        yield Finding(
            "authorization request, prompt=none", "a code comes without a question", at=visit.arrived
        )
    elif visit.one("error") not in ("consent_required", "interaction_required"):
        raise inconclusive(f"prompt=none: {printable(visit.one('error') or 'no answer', 60)}")


as_authz_12 = planned(
    id="AS-AUTHZ-12",
    title="Consent page names client, redirect host and scopes",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization security considerations, Localhost Redirect URI Risks",
        "Client ID Metadata Document draft 00 §6.4",
        "MCP security best practices, Localhost Redirect URI Impersonation",
    ),
    fix="show them prominently",
    kinds=(Kind.ACTIVE,),
    because="it needs a human look: what a consent page shows prominently no program can tell",
)


RULES: tuple[Rule, ...] = (
    server_redirects.unregistered_uri_gets_nothing,
    server_redirects.redirect_uris_are_compared_exactly,
    server_responses.parameters_are_read_with_care,
    server_responses.state_comes_back_unchanged,
    server_responses.responses_say_who_sent_them,
    server_responses.iss_flag_is_true,
    server_redirects.response_is_not_polluted,
    server_responses.credentials_are_not_repeated,
    pages_cannot_be_framed,
    no_script_reads_the_endpoint,
    nobody_is_approved_silently,
    as_authz_12,
    server_redirects.nobody_is_forwarded,
)
