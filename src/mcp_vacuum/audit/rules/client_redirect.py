"""The redirect URI of a client: exact, private, the same in every step (OAuth 2.1 §2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import ClientEvidence, Run, document_of, first, form_of
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.provoked import finding
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
    bad="redirect_uri=http://app.example/callback",
    good="redirect_uri=http://127.0.0.1:8123/callback",
)
def redirect_uri_is_safe(evidence: FlowEvidence) -> Results:
    """A pattern, or plain http to another host, lets somebody else receive the code."""
    yield from _flaws(evidence.redirect_uri)


@also(redirect_uri_is_safe, Kind.CLIENT)
def redirect_uri_of_a_client(evidence: ClientEvidence) -> Results:
    """A pattern, or plain http to another host, lets somebody else receive the code."""
    told: set[str] = set()
    seen = [(run, each) for run in evidence.legible for each in _redirect_uris(run)]
    if not seen:
        yield NotChecked("INCONCLUSIVE: the client named no redirect URI")
    for run, uri in seen:
        for flaw in _flaws(uri):
            if flaw.why not in told:
                told.add(flaw.why)
                yield finding(run, f"redirect_uri: {flaw.why}", None, flaw.severity)


def _redirect_uris(run: Run) -> list[str]:
    asked = [ask.get("redirect_uri") for ask in run.asks]
    return [*asked, *(uri for each in run.registrations for uri in _registered(document_of(each)))]


def _registered(document: Mapping[str, Any]) -> list[str]:
    uris = document.get("redirect_uris")
    return [str(uri) for uri in uris] if isinstance(uris, list) else []


def _flaws(uri: str) -> Iterator[Finding]:
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


@also(redirect_uri_is_exact, Kind.CLIENT)
def redirect_uri_is_the_same(evidence: ClientEvidence) -> Results:
    """A client that takes an answer at another URI can be handed somebody else's code."""
    if not any(run.asks for run in evidence.legible):
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
    for run in evidence.legible:
        registered = {
            without_port(uri) for each in run.registrations for uri in _registered(document_of(each))
        }
        asked = [ask.get("redirect_uri") for ask in run.asks]
        sent = [first(form_of(each), "redirect_uri") for each in run.redemptions]
        if registered and any(without_port(uri) not in registered for uri in asked):
            yield finding(run, "the authorization request names a redirect URI that was not registered")
            return
        if asked and any(uri and uri not in asked for uri in sent):
            yield finding(run, "the token request names another redirect URI than the authorization request")
            return


def without_port(uri: str) -> str:
    """Return a redirect URI without its port on loopback, which may be another each time (RFC 8252 §7.3)."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return uri
    return parts._replace(netloc=host).geturl() if is_loopback_host(host) else uri


RULES: tuple[Rule, ...] = (
    redirect_uri_of_a_client,
    redirect_uri_is_the_same,
)
