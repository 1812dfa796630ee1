"""The authorization endpoint: redirects, responses, pages."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.strangers import EVIL
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.page import Page
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    inconclusive,
    planned,
    rule,
)
from mcp_vacuum.safety.url import printable

as_authz_01 = planned(
    id="AS-AUTHZ-01",
    title="Unregistered redirect_uri never receives a redirect",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §2.3.5",
        "RFC 6749 §3.1.2.4",
        "MCP authorization security considerations, Open Redirection",
    ),
    fix="validate redirect_uri before any redirect",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_02 = planned(
    id="AS-AUTHZ-02",
    title="redirect_uri matching is exact except loopback port",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization security considerations, Open Redirection",
        "OAuth 2.1 §2.3.1 and §4.1.1",
        "RFC 9700 §2.1 and §4.1.3",
        "RFC 8252 §7.3",
    ),
    fix="simple string comparison",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_03 = planned(
    id="AS-AUTHZ-03",
    title="Missing, duplicate and unknown parameters are handled correctly",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §3.1 and §4.1.1",
        "RFC 6749 §3.1 and §3.1.1",
        "OAuch, SameParameterTwice, UnrecognizedParameter",
    ),
    fix="reject repeats, ignore unknowns",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_04 = planned(
    id="AS-AUTHZ-04",
    title="state is returned exactly",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 6749 §4.1.2", "OAuth 2.1 §4.1.2"),
    fix="echo state unchanged",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_05 = planned(
    id="AS-AUTHZ-05",
    title="iss is present and equals the metadata issuer",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization, Authorization Response Validation",
        "RFC 9207 §2 and §2.3",
        "FAPI 2.0 Security Profile §5.3.2.2-7",
    ),
    fix="implement RFC 9207",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_06 = planned(
    id="AS-AUTHZ-06",
    title="iss support flag agrees with behaviour",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Authorization Response Validation", "RFC 9207 §2.3 and §3"),
    fix="set authorization_response_iss_parameter_supported",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_07 = planned(
    id="AS-AUTHZ-07",
    title="Response cannot be polluted through redirect_uri or parameters",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.11", "OAuch, CodePollution, RedirectUriConfusion"),
    fix="build response from a clean URI",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_authz_08 = planned(
    id="AS-AUTHZ-08",
    title="Credential-bearing redirects do not use 307",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.5.4", "RFC 9700 §4.12"),
    fix="use 303",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)


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


as_authz_11 = planned(
    id="AS-AUTHZ-11",
    title="Public clients never get silent approval",
    level=Level.SHOULD_NOT,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.3 and §7.3.1", "RFC 6749 §10.2", "RFC 8252 §8.6", "OAuch, RequireUserConsent"),
    fix="ask consent again for unauthenticated clients",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

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
    because="it is part of the one-login ladder (--active)",
)

as_authz_13 = planned(
    id="AS-AUTHZ-13",
    title="Attacker-registered clients cannot use it as open redirector",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §7.12.2",
        "RFC 9700 §4.11.2",
        "MCP authorization security considerations, Open Redirection",
    ),
    fix="authenticate or warn before redirecting",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    as_authz_01,
    as_authz_02,
    as_authz_03,
    as_authz_04,
    as_authz_05,
    as_authz_06,
    as_authz_07,
    as_authz_08,
    pages_cannot_be_framed,
    no_script_reads_the_endpoint,
    as_authz_11,
    as_authz_12,
    as_authz_13,
)
