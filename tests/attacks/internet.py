"""Names and addresses under the control of a test: a resolver, routes to loopback ports, and a certificate.

Only two things of the machine are replaced: what a name resolves to, and where an address leads. Sockets,
TLS and everything above them are real.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import threading
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest

from tests.attacks.hostile import Hostile

PUBLIC = "93.184.215.14"
"""Where names live that nobody gave an address."""


class Internet:
    """A small one: what is not in it does not exist."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        self._folder = folder
        self._stack = ExitStack()
        self._names: dict[str, list[list[str]]] = {}
        self._routes: dict[str, int] = {}
        self.asked: list[str] = []
        self.reached: list[str] = []

    def __enter__(self) -> Self:
        self._resolve, self._connect = socket.getaddrinfo, socket.create_connection
        self._patch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        self._patch.setattr(socket, "create_connection", self._create_connection)
        certificate, key = _certificate()
        (self._folder / "cert.pem").write_bytes(certificate)
        (self._folder / "key.pem").write_bytes(key)
        self._patch.setenv("SSL_CERT_FILE", str(self._folder / "cert.pem"))
        self.canary = self._stack.enter_context(_Canary())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def server(self, name: str, *addresses: str, **settings: Any) -> Hostile:
        """An https server with this name; its addresses all lead to it."""
        tls = (str(self._folder / "cert.pem"), str(self._folder / "key.pem"))
        server = self._stack.enter_context(Hostile(tls=tls, name=name, **settings))
        own = addresses or (_next_address(len(self._routes)),)
        self.name(name, *own)
        for address in own:
            self._routes[address] = server.port
        return server

    def name(self, name: str, *addresses: str) -> None:
        """Let a name resolve to these addresses, always."""
        self._names[name] = [list(addresses)]

    def rebinds(self, name: str, first: str, then: str) -> None:
        """Let a name resolve to one address when it is asked for first, and to another one afterwards."""
        self._names[name] = [[first], [then]]

    def route(self, address: str, port: int) -> None:
        """Let an address lead to a port of this machine."""
        self._routes[address] = port

    # --- the two replacements -------------------------------------------------------------------------

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(str(name))
        answers = self._names.get(name or "")
        if answers is None:
            if _is_literal(name) or options.get("flags", 0) & socket.AI_NUMERICHOST:
                return self._resolve(host, port, *args, **options)
            # What no test named is what the C library makes of it: 127.1 and 0x7f000001 are addresses there.
            return self._resolve(host, port, *args, **options) if _numeric(name) else self._unknown(name)
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        number = port if isinstance(port, int) else 443
        return [_info(address, number) for address in addresses]

    def _unknown(self, name: object) -> Any:
        if name in ("localhost", None):
            return [_info("127.0.0.1", 0)]
        raise socket.gaierror(socket.EAI_NONAME, "unknown to this test's resolver")

    def _create_connection(self, address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        host, port = address
        number = self._getaddrinfo(host, port)[0][4][0]
        self.reached.append(number)
        if host == "127.0.0.1" and port in self._routes.values():
            return self._connect(address, *args, **options)
        target = self._routes.get(number)
        if target is None:  # somewhere that no honest server is
            self.canary.expected.append(number)
            target = self.canary.port
        return self._connect(("127.0.0.1", target), *args, **options)


class _Canary:
    """Stands for every machine that a hostile server wants us to reach, and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.expected: list[str] = []
        self.came: list[str] = []
        self._stopping = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._socket.close()

    @property
    def visits(self) -> list[str]:
        """Addresses that somebody connected to."""
        return [f"a connection to {address}" for address in self.expected]

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.close()


def _info(address: str, port: int) -> Any:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def _is_literal(text: object) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def _numeric(text: object) -> bool:
    try:
        socket.inet_aton(str(text))
    except OSError:
        return False
    return True


def _next_address(number: int) -> str:
    return str(ipaddress.IPv4Address(PUBLIC) + number)


@cache
def _certificate() -> tuple[bytes, bytes]:
    """Make a certificate for every name under example, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the internet of a test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(text) for text in ("*.example", "*.victim.example", "*.attacker.example")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
