"""The connections to an authorization server (RFC 9325)."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_vacuum.audit.connection import Connection
from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.tls import is_https
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
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import host_of, origin, printable


@rule(
    id="AS-TLS-01",
    title="All endpoints are https and cleartext is not served",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization security considerations, Communication Security",
        "OAuth 2.1 §1.5",
        "RFC 9700 §2.6",
    ),
    fix="disable HTTP, add HSTS",
    kinds=(Kind.PASSIVE,),
    bad='{"token_endpoint": "http://as.example/token", …}',
    good='{"token_endpoint": "https://as.example/token", …}, and http://as.example/ redirects to https',
)
def everything_is_encrypted(evidence: ServerEvidence) -> Results:
    """Over plain http everybody on the way reads codes, tokens and passwords, and answers in their place."""
    documents = evidence.known_documents()
    named = [pair for _, document in documents for pair in document.endpoints]
    if all(is_local_http(url) for _, url in named):
        raise not_applicable("every endpoint is on loopback, where plain http never leaves the machine")
    for _, document in documents:
        for name, url in document.endpoints:
            if is_plain(url):
                where = f"{document.url}, {printable(name)}"
                yield Finding(where, f"it is {printable(url)}", at=document.exchange)
    yield from clear_text(connections_of_issuers(evidence))
    for _, document in documents:
        if document.url.startswith("https:") and not document.exchange.header("strict-transport-security"):
            why = "there is no Strict-Transport-Security (RFC 9325 §3.2)"
            yield Finding(document.url, why, Severity.LOW, at=document.exchange)


def is_plain(url: str) -> bool:
    """Say whether an unchecked URL is plain http to another machine."""
    return url.lower().startswith("http:") and not is_local_http(url)


def is_local_http(url: str) -> bool:
    """Say whether an unchecked URL is plain http on loopback."""
    try:
        return url.lower().startswith("http:") and is_loopback_host(host_of(url))
    except ValueError:
        return False


def clear_text(connections: Iterable[Connection]) -> Results:
    """Judge what the same URL answers without TLS: a refusal, or a redirect away from it, is right."""
    for connection in connections:
        clear = connection.in_the_clear
        if clear is not None and (0 < clear.status < 300 or clear.status == 401):
            yield Finding(clear.url, "it is served over plain http too", at=clear)


def connections_of_issuers(evidence: ServerEvidence) -> list[Connection]:
    """Return the https origins of the authorization servers and their endpoints."""
    urls = [issuer.name for issuer in evidence.issuers]
    urls += [url for issuer in evidence.issuers for each in issuer.found for _, url in each.endpoints]
    wanted = {origin(url) for url in urls if is_https(url)}
    return [each for name, each in evidence.connections.items() if name in wanted]


@rule(
    id="AS-TLS-02",
    title="TLS 1.2 or newer with strong ciphers only",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "RFC 9325 §3.1.1",
        "RFC 9325 §4.1 and §4.2",
        "RFC 7636 §7.5",
        "FAPI 2.0 Security Profile §5.2.1",
    ),
    fix="restrict protocol and ciphers",
    kinds=(Kind.PASSIVE,),
    bad="a handshake that offers TLS 1.0 and nothing newer is agreed to",
    good="it is refused with an alert",
)
def tls_is_modern(evidence: ServerEvidence) -> Results:
    """Old versions and suites can be broken by who records or alters the connection."""
    yield from protocols(known_connections(evidence))


def known_connections(evidence: ServerEvidence) -> list[Connection]:
    """Return the connections to the authorization servers, or raise `CannotTell`."""
    evidence.known_issuers()
    found = connections_of_issuers(evidence)
    if not found:
        raise not_applicable("no authorization server has an https URL")
    return found


def protocols(connections: Iterable[Connection]) -> Results:
    """Judge versions and suites of some origins."""
    for connection in connections:
        if connection.failure:
            yield NotChecked(f"INCONCLUSIVE: {connection.origin}: {connection.failure}")
            continue
        for what in connection.unclear:
            yield NotChecked(f"INCONCLUSIVE: {connection.origin}: no answer to an offer of {what}")
        for severity, why in connection.protocol_flaws():
            yield Finding(connection.origin, why, severity)


@rule(
    id="AS-TLS-03",
    title="Certificate chain, name and validity are correct",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 8414 §6.1 and §6.2", "RFC 9325 §4.5 and §7.1"),
    fix="renew or fix the certificate",
    kinds=(Kind.PASSIVE,),
    bad="the certificate of https://as.example is for another name",
    good="it is for as.example, from a trusted authority, and ends in more than 14 days",
)
def certificate_is_sound(evidence: ServerEvidence) -> Results:
    """Who accepts a wrong certificate talks to anybody; and where it is wrong, people learn to accept it."""
    yield from certificates(known_connections(evidence))


def certificates(connections: Iterable[Connection]) -> Results:
    """Judge the certificates of some origins."""
    for connection in connections:
        if not connection.untrusted and connection.certificate is None:
            why = connection.failure or "no trusted handshake"
            yield NotChecked(f"INCONCLUSIVE: {connection.origin}: {why}")
        for severity, why in connection.certificate_flaws():
            yield Finding(connection.origin, why, severity)


RULES: tuple[Rule, ...] = (
    everything_is_encrypted,
    tls_is_modern,
    certificate_is_sound,
)
