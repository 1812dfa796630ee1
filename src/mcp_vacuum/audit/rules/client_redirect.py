"""The redirect URI of a client: exact, private, the same in every step (OAuth 2.1 §2.3)."""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, planned, rule
from mcp_vacuum.safety.address import is_loopback_host


@rule(
    id="CL-REDIR-01",
    title="Redirect URIs are https or loopback, without wildcard or fragment",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Communication Security",
        "OAuth 2.1 §2.3 and §8.4",
        "RFC 9700 §2.6",
    ),
    fix="use loopback or https callbacks",
    kinds=(Kind.FLOW, Kind.CLIENT),
    because="it is part of `audit client`",
    bad="redirect_uri=http://app.example/callback",
    good="redirect_uri=http://127.0.0.1:8123/callback",
)
def redirect_uri_is_safe(evidence: FlowEvidence) -> Results:
    """A pattern, or plain http to another host, lets somebody else receive the code."""
    uri = evidence.redirect_uri
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        yield Finding("redirect_uri", "it is no URL")
        return
    if "*" in uri or "#" in uri or parts.username is not None:
        yield Finding("redirect_uri", "it has a wildcard, a fragment or a user name")
    if not host:
        yield _without_host(parts.scheme, uri)
    elif parts.scheme == "http" and not is_loopback_host(host):
        yield Finding("redirect_uri", "it is plain http to a host that is not loopback")
    elif parts.scheme not in ("http", "https"):
        yield Finding("redirect_uri", f"its scheme is {parts.scheme or 'missing'}", Severity.MEDIUM)


def _without_host(scheme: str, uri: str) -> Finding:
    if uri.startswith("urn:ietf:wg:oauth:2.0:oob"):
        return Finding("redirect_uri", "out-of-band redirects are forbidden by today's best practice")
    private_use = "." in scheme
    why = "it is a private-use scheme, which other apps can claim" if private_use else "it has no host"
    return Finding("redirect_uri", why, Severity.MEDIUM if private_use else None)


@rule(
    id="CL-REDIR-05",
    title="Redirect URI is registered and identical in every step",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization security considerations, Open Redirection",
        "OAuth 2.1 §2.3.2",
        "RFC 6749 §4.1.3",
    ),
    fix="build it once and reuse the string",
    kinds=(Kind.FLOW, Kind.CLIENT),
    because="it is part of `audit client`",
    bad="registered: http://127.0.0.1/callback, asked: http://127.0.0.1/callback/x",
    good="the same string in registration, authorization request and token request",
)
def redirect_uri_is_exact(evidence: FlowEvidence) -> Results:
    """A client that takes an answer at another URI can be handed somebody else's code."""
    if not evidence.samples:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
        return
    if any(sample.parameters.get("redirect_uri") != evidence.redirect_uri for sample in evidence.samples):
        yield Finding(
            "authorization request, redirect_uri", "it is not the configured one, character for character"
        )
    verdicts = {sample.accepts_other_uri for sample in evidence.samples}
    if True in verdicts:
        yield Finding("authorization response", "an answer to another redirect URI was accepted")
    elif None in verdicts:
        yield NotChecked("INCONCLUSIVE: the client's check of the answer could not be tried")


cl_redir_02 = planned(
    id="CL-REDIR-02",
    title="Loopback listener uses IP literal and binds only loopback",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §8.4.2 and §8.5.4", "RFC 8252 §7.3 and §8.3"),
    fix="bind 127.0.0.1/::1 with an ephemeral port",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_redir_03 = planned(
    id="CL-REDIR-03",
    title="Listener opens per login, accepts one matching callback, closes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §8.5.4", "RFC 8252 §8.3"),
    fix="one-shot handler on exact path with deadline",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_redir_04 = planned(
    id="CL-REDIR-04",
    title="Callback page reflects nothing, leaks nothing, never redirects onward",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §2.3.6 and §7.12.1", "RFC 9700 §4.2.4 and §4.11.1"),
    fix="serve a static page and drop the query",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    redirect_uri_is_safe,
    cl_redir_02,
    cl_redir_03,
    cl_redir_04,
    redirect_uri_is_exact,
)
