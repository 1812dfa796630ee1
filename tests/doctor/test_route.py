"""The way to a server, over real sockets: name, proxy, connection, TLS."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mcp_vacuum.doctor.route import Route, look_at_route
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.drivers.conftest import Resolver, resolver
from tests.drivers.wire import OK, hanging_up, over_tls, saying, self_signed, serving, tunnel

__all__ = ["resolver"]


def look(url: str, host: str = "127.0.0.1") -> Route:
    return look_at_route(url, NetworkPolicy(host))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path / "cert.pem", "localhost", "as.example")


class TestName:
    def test_it_does_not_resolve(self, resolver: Resolver) -> None:
        resolver.answers["gone.example"] = [[]]
        route = look("https://gone.example/mcp", "gone.example")

        assert route.name_trouble == "no name server knows it"
        assert not route.reached

    def test_no_name_server_answers(self, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_answer(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", no_answer)

        assert look("https://as.example/mcp", "as.example").name_trouble == "no name server answers"

    def test_an_address_that_is_never_contacted(self, resolver: Resolver) -> None:
        resolver.answers["evil.example"] = [["169.254.169.254"]]
        route = look("https://evil.example/mcp", "evil.example")

        assert route.refused is not None
        assert route.connected is None


class TestConnection:
    def test_one_that_is_taken(self) -> None:
        with serving(saying(OK)) as wire:
            route = look(f"http://127.0.0.1:{wire.port}/mcp")

        assert route.reached
        assert route.connected is not None
        assert wire.requests == []

    def test_nothing_listens(self) -> None:
        with serving(saying(OK)) as wire:
            port = wire.port
        route = look(f"http://127.0.0.1:{port}/mcp")

        assert not route.reached
        assert route.connect_troubles == (("127.0.0.1", "nothing listens there (connection refused)"),)

    def test_the_next_address_is_tried(self, resolver: Resolver) -> None:
        with serving(saying(OK)) as wire:
            resolver.answers["localhost"] = [["127.0.0.2", "127.0.0.1"]]
            route = look(f"http://localhost:{wire.port}/mcp", "localhost")

        assert route.reached
        assert [address for address, _ in route.connect_troubles] == ["127.0.0.2"]


class TestTls:
    def test_trusted(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(over_tls(saying(OK), certificate)) as wire:
            route = look(f"https://localhost:{wire.port}/mcp", "localhost")

        assert route.reached
        assert route.tls == "TLSv1.3"
        assert route.certificate is not None
        assert route.certificate.issuer == "test"

    def test_self_signed(self, certificate: Path) -> None:
        with serving(over_tls(saying(OK), certificate)) as wire:
            route = look(f"https://localhost:{wire.port}/mcp", "localhost")

        assert not route.reached
        assert route.tls_code == 18
        assert "self-signed" in (route.tls_trouble or "")
        assert route.certificate is not None
        assert route.certificate.names == ("localhost", "as.example")
        assert wire.requests == []

    def test_for_another_host(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(over_tls(saying(OK), certificate)) as wire:
            route = look(f"https://127.0.0.1:{wire.port}/mcp")

        assert route.tls_code in (62, 64)

    def test_a_server_that_speaks_none(self) -> None:
        with serving(saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) as wire:
            route = look(f"https://127.0.0.1:{wire.port}/mcp")

        assert route.tls_code is None
        assert route.tls_trouble is not None

    def test_a_server_that_hangs_up(self) -> None:
        with serving(hanging_up) as wire:
            route = look(f"https://127.0.0.1:{wire.port}/mcp")

        assert route.tls_trouble is not None


class TestProxy:
    @pytest.fixture
    def through(self, resolver: Resolver) -> str:
        """A server whose name only the proxy resolves."""
        resolver.answers["as.example"] = [[]]
        return "https://as.example/mcp"

    def test_it_carries_the_connection(
        self, through: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(tunnel(over_tls(saying(OK), certificate))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://ada:canary@127.0.0.1:{proxy.port}")
            route = look(through, "as.example")

        assert route.reached
        assert route.proxy is not None
        assert route.proxy.place == f"http://127.0.0.1:{proxy.port}"
        assert b"Proxy-Authorization: Basic YWRhOmNhbmFyeQ==" in proxy.requests[0]
        assert "canary" not in repr(route)

    def test_the_certificate_of_one_that_looks_into_tls(
        self, through: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(tunnel(over_tls(saying(OK), certificate))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            route = look(through, "as.example")

        assert route.tls_code == 18
        assert route.certificate is not None

    @pytest.mark.parametrize(
        ("status", "cause"),
        [
            (b"407 Proxy Authentication Required", "it wants a user name and password (407)"),
            (b"403 Forbidden", "it refuses with status 403"),
            (b"nonsense", "it does not speak HTTP"),
        ],
    )
    def test_one_that_refuses(
        self, through: str, monkeypatch: pytest.MonkeyPatch, status: bytes, cause: str
    ) -> None:
        with serving(tunnel(saying(OK), status)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            route = look(through, "as.example")

        assert (route.reached, route.tunnel_trouble) == (False, cause)

    def test_one_that_is_not_there(self, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(saying(OK)) as proxy:
            port = proxy.port
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        route = look(through, "as.example")

        assert route.connected is None
        assert "nothing listens" in route.connect_troubles[0][1]

    def test_one_that_is_none(self, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")

        assert not look(through, "as.example").reached
