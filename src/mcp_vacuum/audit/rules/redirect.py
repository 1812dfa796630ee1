"""The redirect URI is exact: no pattern, no fragment, the same string in every step (OAuth 2.1 §2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence import FlowEvidence
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule
from mcp_vacuum.safety.address import is_loopback_host


@rule(
    id="CL-REDIR-01",
    title="The redirect URI is https or loopback, without wildcard or fragment",
    severity=Severity.HIGH,
    sources=("MCP authorization, Communication Security", "OAuth 2.1 §2.3", "RFC 9700 §2.6"),
    fix="use http://127.0.0.1:PORT/callback, or an exact https URL",
)
def redirect_uri_is_safe(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
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
    title="The redirect URI is identical in every step, and an answer elsewhere is refused",
    severity=Severity.HIGH,
    sources=("MCP authorization, Open Redirection", "OAuth 2.1 §2.3.2", "RFC 6749 §4.1.3"),
    fix="keep the redirect URI with the pending request and compare the whole string",
)
def redirect_uri_is_exact(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
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
