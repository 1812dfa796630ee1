"""Handshakes with real servers, sound and not."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing

import anyio

from mcp_vacuum.audit.connection import Connection
from mcp_vacuum.audit.evidence.tls import Handshakes, is_https, look
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.lab import Lab
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.audit.front import Tls, fronted
from tests.drivers.wire import resetting, serving


def seen(url: str) -> Connection:
    async def run() -> Connection:
        async with Wire(NetworkPolicy("localhost")) as wire:
            return await look(wire, url)

    return anyio.run(run)


def front(tls: Tls) -> Connection:
    with Lab() as lab, fronted(lab, lab.issuer, tls) as origin:
        return seen(f"{origin}/.well-known/oauth-authorization-server")


def test_a_sound_server() -> None:
    connection = front(Tls())

    assert (connection.version, connection.accepted, connection.unclear) == ("TLSv1.3", (), ())
    assert (connection.untrusted, connection.failure) == ("", "")
    assert connection.certificate
    assert (connection.certificate.key, connection.certificate.bits) == ("EC", 256)
    assert connection.certificate.signed_with == "sha256"
    assert connection.in_the_clear
    assert connection.in_the_clear.status in (0, 400)


def test_old_versions_are_told_apart() -> None:
    connection = front(Tls(minimum=ssl.TLSVersion.TLSv1_1, ciphers="ALL:@SECLEVEL=0"))

    assert "TLS 1.1" in connection.accepted
    assert "TLS 1.0" not in connection.accepted


def test_a_certificate_for_another_name() -> None:
    connection = front(Tls(name="other.example"))

    assert "localhost" in connection.untrusted
    assert connection.spoke


def test_nobody_there() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        connection = seen(f"https://localhost:{free.getsockname()[1]}/x")

    assert not connection.spoke
    assert connection.failure.startswith("no TLS connection")


def test_where_no_request_may_go_no_handshake_goes() -> None:
    connection = seen("https://169.254.169.254/x")

    assert "never contacted" in connection.failure
    assert connection.in_the_clear is None


def test_only_https_urls_are_shaken_hands_with() -> None:
    assert is_https("https://as.example/token")
    assert not any(map(is_https, ("http://127.0.0.1/", "javascript:x", "https://[broken", "/token")))


def test_each_origin_is_met_once() -> None:
    async def run(urls: list[str]) -> set[str]:
        async with Wire(NetworkPolicy("localhost")) as wire:
            shake = Handshakes(wire)
            await shake.with_all(urls)
            await shake.with_all(urls)
            return set(shake.seen)

    with Lab() as lab, fronted(lab, lab.issuer, Tls()) as origin:
        assert anyio.run(run, [f"{origin}/a", f"{origin}/b", "http://127.0.0.1/", "x"]) == {origin}
        assert len(lab.recorder.requests) == 0


def test_a_server_that_speaks_no_tls_is_not_called_sound() -> None:
    with Lab() as lab:
        connection = seen(lab.issuer.replace("http:", "https:"))

    assert not connection.spoke
    assert connection.accepted == ()


def test_a_server_that_hangs_up_is_not_called_sound() -> None:
    with serving(resetting) as wire:
        connection = seen(f"https://127.0.0.1:{wire.port}/x")

    assert not connection.spoke
    assert connection.certificate is None
