"""Small servers on loopback that answer with the bytes they are told to, and certificates for them."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[["Wire", socket.socket], None]


class Wire:
    """Accepts connections one after the other and plays `script` on each; notes what came.

    Attributes:
        requests: The raw bytes of every request, head and body.
        connections: How many there were.
    """

    def __init__(self, script: Script, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script = script
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port: int = self._listener.getsockname()[1]
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self.stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError):
                connection.settimeout(3)
                self._script(self, connection)

    def read_request(self, connection: socket.socket) -> bytes:
        """Read one request by its Content-Length and note it; empty at the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0].partition(b":")[2]):
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def close(self) -> None:
        self.stop.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=3)


@contextmanager
def serving(script: Script, host: str = "127.0.0.1", port: int = 0) -> Iterator[Wire]:
    wire = Wire(script, host, port)
    try:
        yield wire
    finally:
        wire.close()


def saying(answer: bytes) -> Script:
    """Answer each request of a connection with the same bytes."""

    def script(wire: Wire, connection: socket.socket) -> None:
        while wire.read_request(connection):
            connection.sendall(answer)
            if b"content-length" not in answer.lower():
                return

    return script


def dripping(at_once: bytes, slowly: bytes = b"x" * 100, pause: float = 0.05) -> Script:
    """Say the first part at once and the rest a byte at a time."""

    def script(wire: Wire, connection: socket.socket) -> None:
        wire.read_request(connection)
        connection.sendall(at_once)
        for byte in slowly:
            if wire.stop.wait(pause):
                return
            connection.sendall(bytes([byte]))

    return script


def resetting(wire: Wire, connection: socket.socket) -> None:
    """Take the request and reset the connection."""
    wire.read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging_up(wire: Wire, connection: socket.socket) -> None:
    """Take the request and say nothing."""
    wire.read_request(connection)


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


OK = answer()


def over_tls(script: Script, certificate: Path) -> Script:
    """Play a script inside TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def tls(wire: Wire, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            script(wire, inner)

    return tls


def tunnel(script: Script, status: bytes = b"200 Connection established") -> Script:
    """Be a proxy that takes CONNECT and is the server behind itself."""

    def proxy(wire: Wire, connection: socket.socket) -> None:
        wire.read_request(connection)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
        if status.startswith(b"200"):
            script(wire, connection)

    return proxy


def self_signed(path: Path, *names: str) -> Path:
    """Write a certificate and its key for host names and addresses; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
