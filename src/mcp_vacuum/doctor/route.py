"""The way to a server: its name, a proxy, a connection, TLS. No request is sent to it."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import unquote, urlsplit

import httpcore2

from mcp_vacuum.doctor.certificate import Certificate, read_certificate
from mcp_vacuum.doctor.surroundings import Proxy, read_proxy
from mcp_vacuum.drivers import route as chosen
from mcp_vacuum.drivers.transport import speaks_no_tls
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.patience import answered
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of

NAME_TIMEOUT = 8.0
CONNECT_TIMEOUT = 5.0
TLS_TIMEOUT = 8.0
MOST_ADDRESSES = 4
_LONGEST_HEAD = 8192


@dataclass(frozen=True, slots=True)
class Route:
    """The facts; what was not reached keeps its default.

    Attributes:
        host, port: Of the server.
        secure: It is an https URL.
        proxy: What carries the request; None for nothing.
        addresses: What the name resolves to here.
        name_trouble: Why it does not resolve.
        refused: Why its addresses may not be contacted.
        connected: Address and seconds of the connection (to the proxy, if there is one).
        connect_troubles: Address and why, of those that did not answer.
        tunnel_trouble: Why the proxy did not open a way.
        tls: The protocol version; None without a trusted connection.
        tls_trouble: Why there is none, in words.
        tls_code: OpenSSL's number of what is wrong with the certificate.
        certificate: What the server showed, trusted or not.
    """

    host: str
    port: int
    secure: bool
    proxy: Proxy | None = None
    addresses: tuple[str, ...] = ()
    name_trouble: str | None = None
    refused: SecurityRefused | None = None
    connected: tuple[str, float] | None = None
    connect_troubles: tuple[tuple[str, str], ...] = ()
    tunnel_trouble: str | None = None
    tls: str | None = None
    tls_trouble: str | None = None
    tls_code: int | None = None
    certificate: Certificate | None = None

    @property
    def reached(self) -> bool:
        """A request can be sent."""
        return (
            self.connected is not None and self.tunnel_trouble is None and bool(self.tls or not self.secure)
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """How sockets to the server are made: to `target`, through a proxy or not."""

    host: str
    port: int
    target: tuple[str, int]
    authorization: str | None = field(default=None, repr=False)
    through_proxy: bool = False

    def open(self) -> socket.socket:
        """Connect, and have the proxy open a tunnel.

        Raises:
            OSError: It cannot be reached. `_NoTunnel`: the proxy refused.
        """
        found = socket.create_connection(self.target, timeout=CONNECT_TIMEOUT)
        try:
            if self.through_proxy:
                _tunnel(found, self.host, self.port, self.authorization)
        except BaseException:
            found.close()
            raise
        return found


class _NoTunnel(Exception):
    """The proxy did not open a way; the text says why."""


def look_at_route(url: str, policy: NetworkPolicy) -> Route:
    """Gather the facts, hop by hop, until one fails."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = host_of(url), parts.port or (443 if secure else 80)
    named = chosen.Route.from_environment(url).proxy
    proxy = named.reveal() if named else None
    route = Route(host, port, secure, read_proxy(parts.scheme, proxy) if proxy else None)
    route = _named(route, policy)
    if route.refused or (route.name_trouble and proxy is None):
        return route
    route, way = _connected(route, proxy)
    if way is None or route.tunnel_trouble or not secure:
        return route
    return _secured(route, way)


# --- name -------------------------------------------------------------------------------------------------


def _named(route: Route, policy: NetworkPolicy) -> Route:
    try:
        route = replace(route, addresses=_resolved(route.host, route.port))
    except TimeoutError:
        return replace(route, name_trouble=f"no name server answered within {NAME_TIMEOUT:.0f} s")
    except (OSError, UnicodeError) as caught:
        return replace(route, name_trouble=_name_trouble(caught))
    try:
        policy.admit(route.host, list(route.addresses))
    except SecurityRefused as refused:
        return replace(route, refused=refused)
    return route


def _resolved(host: str, port: int) -> tuple[str, ...]:
    question = lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # noqa: E731
    infos = answered(question, NAME_TIMEOUT)
    return tuple(dict.fromkeys(cast(str, info[4][0]) for info in infos))


def _name_trouble(caught: OSError | UnicodeError) -> str:
    if not isinstance(caught, socket.gaierror):
        return "it is no host name"
    if caught.errno == socket.EAI_AGAIN:
        return "no name server answers"
    if caught.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return "no name server knows it"
    return (caught.strerror or "it does not resolve").lower()


# --- connection -------------------------------------------------------------------------------------------


def _connected(route: Route, proxy: str | None) -> tuple[Route, _Way | None]:
    """Try each address until one takes the connection."""
    make = _ways_to_proxy(route, proxy) if proxy else _ways_to_server(route)
    troubles: list[tuple[str, str]] = []
    for way in make:
        began = time.monotonic()
        try:
            way.open().close()
        except _NoTunnel as caught:
            took = time.monotonic() - began
            return replace(route, connected=(way.target[0], took), tunnel_trouble=str(caught)), way
        except (OSError, UnicodeError) as caught:
            troubles.append((way.target[0], _connect_trouble(caught)))
            continue
        took = time.monotonic() - began
        return replace(route, connected=(way.target[0], took), connect_troubles=tuple(troubles)), way
    return replace(route, connect_troubles=tuple(troubles)), None


def _ways_to_server(route: Route) -> list[_Way]:
    return [
        _Way(route.host, route.port, (address, route.port)) for address in route.addresses[:MOST_ADDRESSES]
    ]


def _ways_to_proxy(route: Route, proxy: str) -> list[_Way]:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if route.proxy is None or route.proxy.place is None or not parts.hostname:
        return []
    target = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    words = [unquote(each or "") for each in (parts.username, parts.password)]
    login = base64.b64encode(":".join(words).encode()).decode() if parts.username else None
    # A proxy that itself speaks TLS is connected to and no more: the request below goes through it.
    return [_Way(route.host, route.port, target, login, route.secure and parts.scheme == "http")]


def _tunnel(connection: socket.socket, host: str, port: int, login: str | None) -> None:
    """CONNECT (RFC 9110 §9.3.6)."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    lines += [f"Proxy-Authorization: Basic {login}"] if login else []
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        chunk = connection.recv(1024)
        if not chunk:
            raise _NoTunnel("it hung up")
        head += chunk
    status = head.split(b"\r\n")[0].split(b" ")[1:2]
    if not status or not status[0].isdigit():
        raise _NoTunnel("it does not speak HTTP")
    if status[0] == b"407":
        raise _NoTunnel("it wants a user name and password (407)")
    if not status[0].startswith(b"2"):
        raise _NoTunnel(f"it refuses with status {status[0].decode()}")


def _connect_trouble(caught: OSError | UnicodeError) -> str:
    if isinstance(caught, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(caught, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT:.0f} s"
    if isinstance(caught, socket.gaierror):
        return f"its name: {_name_trouble(caught)}"
    return (getattr(caught, "strerror", None) or "it cannot be connected to").lower()


# --- TLS --------------------------------------------------------------------------------------------------


def _secured(route: Route, way: _Way) -> Route:
    if route.proxy is not None and not way.through_proxy:
        return replace(route, tls="through the proxy")
    try:
        context = httpcore2.default_ssl_context()
    except OSError as caught:
        return replace(route, tls_trouble=f"the trusted certificates cannot be read: {caught.strerror}")
    try:
        version, shown = _shaken_hands(way, context)
        return replace(route, tls=version, certificate=shown)
    except ssl.SSLCertVerificationError as caught:
        shown = _shown_anyway(way)
        why = caught.verify_message
        return replace(route, tls_trouble=why, tls_code=caught.verify_code, certificate=shown)
    except ssl.SSLError as caught:
        return replace(route, tls_trouble=_tls_trouble(caught))
    except (OSError, _NoTunnel) as caught:
        return replace(route, tls_trouble=_hung_up(caught))


def _shaken_hands(way: _Way, context: ssl.SSLContext) -> tuple[str, Certificate | None]:
    with closing(way.open()) as plain:
        plain.settimeout(TLS_TIMEOUT)
        with context.wrap_socket(plain, server_hostname=way.host) as secured:
            return secured.version() or "TLS", read_certificate(secured.getpeercert(binary_form=True))


def _shown_anyway(way: _Way) -> Certificate | None:
    """Look at a certificate that is not trusted; nothing is sent over that connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return _shaken_hands(way, context)[1]
    except (OSError, _NoTunnel):
        return None


def _tls_trouble(caught: ssl.SSLError) -> str:
    if speaks_no_tls(caught):
        return "it does not speak TLS on this port"
    return f"{(caught.reason or 'the handshake failed').replace('_', ' ').lower()}"


def _hung_up(caught: Exception) -> str:
    if isinstance(caught, TimeoutError):
        return f"no handshake within {TLS_TIMEOUT:.0f} s"
    return "it hung up in the handshake"
