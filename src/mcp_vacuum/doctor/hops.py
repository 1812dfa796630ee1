"""The checks of the way to a server: name, proxy, connection, TLS."""

from __future__ import annotations

import time
from collections.abc import Iterator

from mcp_vacuum.doctor.certificate import Certificate
from mcp_vacuum.doctor.finding import Finding, fail, failed_with, ok, skipped, warn
from mcp_vacuum.doctor.route import Route
from mcp_vacuum.errors import ServerUnavailable, UsageError
from mcp_vacuum.safety.address import is_loopback_host, reach_of_address

SOON = 14 * 86400.0
"""Seconds before its end from which on a certificate should have been renewed."""
_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21, 27}
_WRONG_NAME = {62, 64}


def check_route(facts: Route, now: float | None = None) -> Iterator[Finding]:
    """Judge the facts, hop by hop; what a failed hop was needed for is skipped."""
    yield check_name(facts)
    yield check_proxy_in_use(facts)
    yield check_connection(facts)
    if facts.secure:
        yield check_tls(facts, time.time() if now is None else now)


def check_name(facts: Route) -> Finding:
    """See what the name resolves to, and that it may be contacted."""
    if facts.refused is not None:
        return failed_with("name", facts.refused)
    if facts.name_trouble is not None:
        if facts.proxy is not None:
            return ok("name", f"{facts.host} does not resolve here; the proxy resolves it")
        return fail(
            "name",
            f"{facts.host} does not resolve: {facts.name_trouble}",
            fix="check the spelling of the URL, the network, and the VPN that the name may need",
            error=ServerUnavailable,
        )
    told = ", ".join(f"{each} ({reach_of_address(each).word})" for each in facts.addresses)
    return ok("name", f"{facts.host} is {told}" if facts.addresses != (facts.host,) else told)


def check_proxy_in_use(facts: Route) -> Finding:
    """Say what carries the requests."""
    if facts.proxy is None:
        because = ": loopback is never proxied" if is_loopback_host(facts.host) else ""
        return ok("proxy-used", f"none{because}")
    if facts.proxy.place is None:
        return fail(
            "proxy-used",
            "the proxy that the environment names is no http proxy",
            fix="HTTPS_PROXY takes a URL such as http://proxy.example:3128, NO_PROXY the server's host",
            error=UsageError,
        )
    return ok("proxy-used", f"{facts.proxy.place}: it resolves the name and makes the connection")


def check_connection(facts: Route) -> Finding:
    """See that something listens."""
    through = facts.proxy.place if facts.proxy else None
    place = through or f"{facts.host}:{facts.port}"
    if facts.refused or (facts.name_trouble and not through) or (facts.proxy and not through):
        return skipped("connection", "the hop before it failed")
    if facts.connected is None:
        causes = "; ".join(f"{address}: {why}" for address, why in facts.connect_troubles)
        fix = "check HTTPS_PROXY and NO_PROXY" if through else "check that the server runs, and the port"
        return fail("connection", f"no connection to {place}", causes, fix, error=ServerUnavailable)
    if facts.tunnel_trouble:
        return fail(
            "connection",
            f"the proxy {place} opens no way to {facts.host}:{facts.port}: {facts.tunnel_trouble}",
            fix="put the user name and password into HTTPS_PROXY, or the host into NO_PROXY",
            error=ServerUnavailable,
        )
    address, seconds = facts.connected
    took = f"{address} port {facts.port}, {seconds * 1000:.0f} ms" if not through else f"through {through}"
    if facts.connect_troubles:
        address, why = facts.connect_troubles[0]
        return warn("connection", took, f"{address} was tried first: {why}")
    return ok("connection", took)


def check_tls(facts: Route, now: float) -> Finding:
    """See that the server is who it says it is."""
    if facts.tls is not None:
        return _trusted(facts.tls, facts.certificate, now)
    if facts.tls_trouble is None:
        return skipped("tls", "there is no connection")
    shown = _shown(facts.certificate)
    code, what = facts.tls_code, f"{facts.host} is not trusted: {facts.tls_trouble}"
    if code in (_EXPIRED, _NOT_YET):
        fix = "its operator has to renew the certificate; if the dates look right, this clock is wrong"
    elif code in _WRONG_NAME:
        fix = "check the host of the URL: the certificate is for other names"
    elif code in _UNKNOWN_AUTHORITY:
        fix = "if your company signs it: SSL_CERT_FILE=FILE with its authority in PEM; if not, do not go on"
    else:
        what = f"no TLS connection to {facts.host}:{facts.port}: {facts.tls_trouble}"
        fix = "check the scheme and port of the URL, and what stands between here and the server"
    return fail("tls", what, shown, fix, error=ServerUnavailable)


def _trusted(version: str, certificate: Certificate | None, now: float) -> Finding:
    if certificate is None:
        return ok("tls", version)
    told = f"{version}, trusted; {_shown(certificate)}"
    if certificate.not_after - now < SOON:
        return warn("tls", told, "it ends soon", "its operator has to renew the certificate")
    return ok("tls", told)


def _shown(certificate: Certificate | None) -> str:
    if certificate is None:
        return ""
    until = time.strftime("%Y-%m-%d", time.gmtime(certificate.not_after))
    names = ", ".join(certificate.names[:3]) or "nobody"
    return f"for {names}, by {certificate.issuer}, until {until}"
