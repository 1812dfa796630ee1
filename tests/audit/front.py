"""TLS in front of a laboratory's server, as good or as bad as a test wants it."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import App, Request, Response

HSTS = ("Strict-Transport-Security", "max-age=31536000")


@dataclass(frozen=True)
class Tls:
    """How a front speaks TLS.

    `trusted` False signs with an authority that nobody knows; `name` is what the certificate is for; `days`
    are left of it; `clear` serves plain http on the same port.
    """

    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str = "ECDHE+AESGCM"
    trusted: bool = True
    name: str = "localhost"
    days: int = 90
    clear: bool = False
    hsts: bool = True


@contextmanager
def fronted(lab: Lab, origin: str, tls: Tls) -> Iterator[str]:
    """Put TLS before one origin of a running laboratory; yields its https origin, which all answers name."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _Front(int(origin.rpartition(":")[2]), tls, folder) as front,
    ):
        here = f"https://localhost:{front.port}"
        lab.faults.around = _renamed(origin, here, hsts=tls.hsts)
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(Path(folder) / "trusted.pem")
        try:
            yield here
        finally:
            os.environ.pop("SSL_CERT_FILE") if before is None else os.environ.update(SSL_CERT_FILE=before)


def _renamed(old: str, new: str, *, hsts: bool):  # type: ignore[no-untyped-def]
    def around(request: Request, app: App) -> Response:
        answer = app(request)
        headers = tuple((name, value.replace(old, new)) for name, value in answer.headers)
        more = (HSTS,) if hsts else ()
        return replace(
            answer, body=answer.body.replace(old.encode(), new.encode()), headers=(*headers, *more)
        )

    return around


class _Front:
    """A thread with an event loop: TLS on one port, and if wanted plain http beside it."""

    def __init__(self, backend: int, tls: Tls, folder: str) -> None:
        self.port = 0
        self._backend, self._tls, self._folder = backend, tls, Path(folder)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._done: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._done is not None
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        self._done = asyncio.Event()
        context = _context(self._tls, self._folder)
        inner = await asyncio.start_server(self._to(self._backend), "127.0.0.1", 0, ssl=context)
        tls_port = inner.sockets[0].getsockname()[1]
        outer = await asyncio.start_server(self._sniffing(tls_port), "127.0.0.1", 0)
        self.port = (outer if self._tls.clear else inner).sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        for server in (outer, inner):
            server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _to(self, port: int, first: bytes = b""):  # type: ignore[no-untyped-def]
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _join(reader, writer, port, first)

        return serve

    def _sniffing(self, tls_port: int):  # type: ignore[no-untyped-def]
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(1)
            await _join(reader, writer, tls_port if first == b"\x16" else self._backend, first)

        return serve


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes) -> None:
    with suppress(asyncio.CancelledError):  # the end of the front, and no error of a connection
        await _joined(reader, writer, port, first)


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes
) -> None:
    onward, back = await asyncio.open_connection("127.0.0.1", port)
    back.write(first)
    try:
        await asyncio.gather(_pump(reader, back), _pump(onward, writer))
    finally:
        for each in (writer, back):
            each.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
    target.close()


def _context(tls: Tls, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
        context.minimum_version, context.maximum_version = tls.minimum, tls.maximum
    context.set_ciphers(tls.ciphers)
    known, unknown = _authority("known"), _authority("unknown")
    (folder / "trusted.pem").write_bytes(known[0].public_bytes(Encoding.PEM))
    context.load_cert_chain(_leaf(known if tls.trusted else unknown, tls, folder / "leaf.pem"))
    return context


_Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@cache
def _authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = _dated(365).subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return made.sign(key, SHA256()), key


def _leaf(authority: _Authority, tls: Tls, file: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.DNSName(tls.name),
        *([x509.IPAddress(IPv4Address("127.0.0.1"))] if tls.name == "localhost" else []),
    ]
    made = (
        _dated(tls.days)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, tls.name)]))
        .issuer_name(authority[0].subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.sign(authority[1], SHA256()).public_bytes(Encoding.PEM))
    return file


def _dated(days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=30)).not_valid_after(now + timedelta(days=days))
