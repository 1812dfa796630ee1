"""Handshakes with an https origin: one as every client does it, and some that should be refused."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import anyio
import httpcore2
from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute, TLSStream

from mcp_vacuum.audit.connection import BROKEN_SUITES, DATED_SUITES, OLD_VERSIONS, Certificate, Connection
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.hello import ANY, BROKEN, DATED, Answer, answer_to, client_hello
from mcp_vacuum.drivers.route import Route
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import check_endpoint, host_of, origin

TIMEOUT = 5.0
OFFERS: dict[str, tuple[str, tuple[int, ...]]] = {
    **{version: (version, ANY) for version in OLD_VERSIONS},
    BROKEN_SUITES: ("TLS 1.2", BROKEN),
    DATED_SUITES: ("TLS 1.2", DATED),
}
"""What is offered, by what it is: a version and suites."""


class Handshakes:
    """The https origins that an audit met, each looked at once, where it was met first."""

    def __init__(self, wire: Wire) -> None:
        """Look over `wire`."""
        self._wire = wire
        self._begun: set[str] = set()
        self.seen: dict[str, Connection] = {}

    async def with_all(self, urls: Iterable[str]) -> None:
        """Look at the origins of unchecked URLs, of each at the first; what is no https URL is left out."""
        async with anyio.create_task_group() as group:
            for url in urls:
                if is_https(url) and origin(url) not in self._begun:
                    self._begun.add(origin(url))
                    group.start_soon(self._with, url)

    async def _with(self, url: str) -> None:
        self.seen[origin(url)] = await look(self._wire, url)


def is_https(url: str) -> bool:
    """Say whether an unchecked text is an https URL that a request may go to."""
    try:
        return check_endpoint(url, "it").startswith("https:")
    except SecurityRefused:
        return False


async def look(wire: Wire, url: str) -> Connection:
    """Look at the origin of an https URL: handshakes, and the same URL over plain http.

    Args:
        wire: Its policy says where a connection may go; the plain request goes over it.
        url: Checked, https, and of a public document: it is asked for again without TLS.
    """
    where, now = origin(url), time.time()
    if Route.from_environment(url).proxy is not None:
        return Connection(where, now, failure="a proxy stands in between, and its handshake would be seen")
    try:
        addresses = await _addresses(wire.policy, host_of(url))
    except (OSError, UnicodeError, SecurityRefused) as error:
        return Connection(where, now, failure=getattr(error, "message", "the name does not resolve"))
    answers: dict[str, Answer] = {}
    seen: list[Connection] = []
    clear: list[Exchange] = []

    async def offer(what: str) -> None:
        answers[what] = await _offered(addresses[0], url, what)

    async def trust() -> None:
        seen.append(await _trusted(addresses[0], url, now))

    async def plainly() -> None:
        clear.append(await wire.get_in_the_clear("the same without TLS", url))

    async with anyio.create_task_group() as group:
        group.start_soon(trust)
        group.start_soon(plainly)
        for what in OFFERS:
            group.start_soon(offer, what)
    return _together(seen[0], answers, clear[0])


def _together(seen: Connection, answers: dict[str, Answer], clear: Exchange) -> Connection:
    def which(wanted: Answer) -> tuple[str, ...]:
        return tuple(what for what in OFFERS if answers[what] == wanted)

    failure = "" if which("agreed") else seen.failure
    return replace(
        seen, failure=failure, accepted=which("agreed"), unclear=which("unclear"), in_the_clear=clear
    )


async def _addresses(policy: NetworkPolicy, host: str) -> list[str]:
    infos = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
    policy.admit(host, addresses)
    return addresses


async def _offered(address: str, url: str, what: str) -> Answer:
    """Send one first message, and read the head of the answer."""
    version, suites = OFFERS[what]
    try:
        with anyio.fail_after(TIMEOUT):
            async with await anyio.connect_tcp(address, _port(url)) as stream:
                await stream.send(client_hello(version, suites, host_of(url), os.urandom(32)))
                return answer_to(version, await _head(stream))
    except (TimeoutError, OSError, anyio.BrokenResourceError):
        return "unclear"


async def _head(stream: ByteStream) -> bytes:
    received = b""
    try:
        while len(received) < 11:
            received += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass
    return received


async def _trusted(address: str, url: str, now: float) -> Connection:
    """Shake hands as a client does, with the certificates that this machine trusts."""
    where = origin(url)
    try:
        with anyio.fail_after(TIMEOUT):
            stream = await anyio.connect_tcp(address, _port(url))
            try:
                tls = await TLSStream.wrap(
                    stream,
                    hostname=host_of(url),
                    ssl_context=httpcore2.default_ssl_context(),
                    standard_compatible=False,
                )
            except BaseException:
                await anyio.aclose_forcefully(stream)
                raise
            async with tls:
                session = tls.extra(TLSAttribute.ssl_object)  # noqa: S610 - no Django here
                certificate = session.getpeercert(binary_form=True) or b""
                return Connection(where, now, version=session.version() or "", certificate=_read(certificate))
    except ssl.SSLCertVerificationError as error:
        return Connection(where, now, untrusted=error.verify_message)
    except (TimeoutError, OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        return Connection(where, now, failure=f"no TLS connection: {error or type(error).__name__}")


def _read(der: bytes) -> Certificate | None:
    from cryptography import x509  # read only where there is one: it takes long to load
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        signed = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    kinds = {
        "RSAPublicKey": "RSA",
        "ECPublicKey": "EC",
        "EllipticCurvePublicKey": "EC",
        "DSAPublicKey": "DSA",
    }
    name = type(key).__name__.lstrip("_")
    ends = certificate.not_valid_after_utc.timestamp()
    return Certificate(
        ends, kinds.get(name, name), getattr(key, "key_size", 0), signed.name if signed else ""
    )


def _port(url: str) -> int:
    return urlsplit(url).port or 443
