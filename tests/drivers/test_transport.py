from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.transport import USER_AGENT
from mcp_vacuum.errors import (
    AnswerLost,
    AnswerTooLarge,
    SecurityRefused,
    ServerUnavailable,
    UsageError,
    VacuumError,
)
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse, send
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import EndpointUrl

from .conftest import Resolver, Run
from .wire import (
    OK,
    Script,
    Wire,
    answer,
    dripping,
    hanging_up,
    over_tls,
    resetting,
    saying,
    self_signed,
    serving,
    tunnel,
)

PUBLIC = NetworkPolicy("mcp.example", Reach.PUBLIC)


def get(url: str, **members: Any) -> HttpRequest:
    return HttpRequest("GET", EndpointUrl(url), **{"timeout": 3.0, **members})


def failure(run: Run, request: HttpRequest, policy: NetworkPolicy | None = None) -> VacuumError:
    with pytest.raises(VacuumError) as caught:
        run(send(request), policy)
    return caught.value


def surely_not_sent(error: VacuumError) -> bool:
    return type(error) is ServerUnavailable


class TestOneExchange:
    def test_what_is_sent_and_what_comes_back(self, run: Run) -> None:
        said = answer(b'{"a": 1}', "200 OK", "X-Two: 1", "x-two: 2", "Set-Cookie: a=b")
        with serving(saying(said)) as wire:
            request = HttpRequest(
                "POST",
                EndpointUrl(f"http://127.0.0.1:{wire.port}/token?tenant=1"),
                headers=(("Accept", "application/json"),),
                body=b"a=1",
            )
            response: HttpResponse = run(send(request))

        head, _, body = wire.requests[0].partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /token?tenant=1 HTTP/1.1"
        assert set(lines[1:]) == {
            "Accept: application/json",
            "Accept-Encoding: identity",
            "Content-Length: 3",
            f"Host: 127.0.0.1:{wire.port}",
            f"User-Agent: {USER_AGENT}",
        }
        assert body == b"a=1"
        assert (response.status, response.body, response.url) == (200, b'{"a": 1}', request.url)
        assert response.header_lines("x-two") == ["1", "2"]
        assert abs(response.received_at - time.time()) < 5

    def test_the_host_of_an_ipv6_address_keeps_its_brackets(self, run: Run) -> None:
        try:
            serving_there = Wire(saying(OK), "::1")
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        try:
            run(send(get(f"http://[::1]:{serving_there.port}/")), NetworkPolicy("::1"))
        finally:
            serving_there.close()

        assert f"Host: [::1]:{serving_there.port}\r\n".encode() in serving_there.requests[0]

    def test_a_host_that_the_request_names_itself_is_sent_once(self, run: Run) -> None:
        with serving(saying(OK)) as wire:
            run(send(get(f"http://127.0.0.1:{wire.port}/", headers=(("Host", "other.example"),))))

        assert wire.requests[0].lower().count(b"host:") == 1
        assert b"Host: other.example\r\n" in wire.requests[0]

    @pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
    def test_no_redirect_is_followed(self, run: Run, status: str) -> None:
        with serving(saying(OK)) as other:
            location = f"Location: http://127.0.0.1:{other.port}/"
            with serving(saying(answer(b"", status, location))) as wire:
                response = run(send(get(f"http://127.0.0.1:{wire.port}/")))

        assert response.status == int(status[:3])
        assert other.connections == 0

    def test_no_cookie_is_kept(self, run: Run) -> None:
        with serving(saying(answer(b"", "200 OK", "Set-Cookie: a=b; Path=/"))) as wire:

            def twice() -> Flow[None]:
                yield from send(get(f"http://127.0.0.1:{wire.port}/"))
                yield from send(get(f"http://127.0.0.1:{wire.port}/"))

            run(twice())

        assert len(wire.requests) == 2
        assert not any(b"cookie" in request.lower() for request in wire.requests)

    def test_a_head_is_enough_where_the_body_is_not_wanted(self, run: Run) -> None:
        # An MCP server may answer a probe with a stream that never ends.
        said = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Encoding: gzip\r\n\r\n"
        with serving(dripping(said)) as wire:
            response = run(send(get(f"http://127.0.0.1:{wire.port}/", max_body=0)))

        assert (response.status, response.body) == (401, b"")
        assert response.header("www-authenticate") == "Bearer"

    def test_of_an_event_stream_only_the_head_is_read(self, run: Run) -> None:
        said = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\ndata: 1\n\n"
        with serving(dripping(said)) as wire:
            response = run(send(get(f"http://127.0.0.1:{wire.port}/")))

        assert (response.status, response.body) == (200, b"")


class TestLimits:
    @pytest.mark.parametrize(
        "script",
        [
            dripping(b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100),
            dripping(b"HTTP/1.1 200 OK\r\nX: "),
            dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 20),
            dripping(b"HTTP/1.1 200 OK\r\n\r\n"),
            dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9, pause=0.02),
        ],
        ids=["the head", "a header", "the body", "chunks", "a body without a length", "interim answers"],
    )
    def test_a_slow_drip_ends_at_the_deadline_of_the_whole_exchange(self, run: Run, script: Script) -> None:
        with serving(script) as wire:
            started = time.monotonic()
            error = failure(run, get(f"http://127.0.0.1:{wire.port}/", timeout=0.3))
            took = time.monotonic() - started

        assert isinstance(error, AnswerLost)
        assert "did not answer within" in error.message
        assert 0.2 < took < 1.0

    def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(self, run: Run) -> None:
        with serving(saying(answer(b"x" * 100))) as wire:
            url = f"http://127.0.0.1:{wire.port}/"
            assert len(run(send(get(url, max_body=100))).body) == 100
            error = failure(run, get(url, max_body=99))

        assert isinstance(error, AnswerTooLarge)
        assert "more than 99 bytes" in error.message

    def test_a_body_without_end_is_cut_off(self, run: Run) -> None:
        def endless(wire: Wire, connection: socket.socket) -> None:
            wire.read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not wire.stop.is_set():
                connection.sendall(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")

        with serving(endless) as wire:
            error = failure(run, get(f"http://127.0.0.1:{wire.port}/"))

        assert "more than 1048576 bytes" in error.message

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, identity"])
    def test_a_content_coding_is_refused(self, run: Run, coding: str) -> None:
        with serving(saying(answer(b"x", "200 OK", f"Content-Encoding: {coding}"))) as wire:
            error = failure(run, get(f"http://127.0.0.1:{wire.port}/"))

        assert "content coding" in error.message

    @pytest.mark.parametrize("coding", ["identity", " Identity "])
    def test_identity_is_none(self, run: Run, coding: str) -> None:
        with serving(saying(answer(b"x", "200 OK", f"Content-Encoding: {coding}"))) as wire:
            assert run(send(get(f"http://127.0.0.1:{wire.port}/"))).body == b"x"

    def test_a_head_without_end_is_refused(self, run: Run) -> None:
        with serving(saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000)) as wire:
            assert isinstance(failure(run, get(f"http://127.0.0.1:{wire.port}/")), AnswerLost)


class TestSentOrNot:
    """Whether a request may have been processed decides what is sent again (DESIGN §7)."""

    def test_a_refused_connection_was_surely_not(self, run: Run) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = failure(run, get(f"http://127.0.0.1:{port}/"))

        assert surely_not_sent(error)
        assert error.message.startswith(f"no connection to http://127.0.0.1:{port}: ")
        assert error.exit_status == 5

    def test_a_name_that_does_not_resolve_was_surely_not(self, run: Run, resolver: Resolver) -> None:
        resolver.answers["as.example"] = [[]]
        error = failure(run, get("https://as.example/"), PUBLIC)

        assert surely_not_sent(error)
        assert "as.example does not resolve" in error.message or "not known" in error.message

    @pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "."])
    def test_a_name_that_no_resolver_takes_was_surely_not(
        self, run: Run, resolver: Resolver, host: str
    ) -> None:
        assert surely_not_sent(failure(run, get(f"https://{host}/"), PUBLIC))

    def test_a_slow_resolver_was_surely_not(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def slow(*_: Any, **options: Any) -> Any:
            if not options.get("flags"):  # whether it is an address is known at once
                time.sleep(0.4)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", slow)

        assert surely_not_sent(failure(run, get("https://as.example/", timeout=0.3), PUBLIC))

    @pytest.mark.parametrize(
        "script",
        [
            resetting,
            hanging_up,
            saying(b"HTTP/1.1 200 OK\r\n"),
            saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        ],
        ids=["reset", "closed", "half a head", "another protocol", "nonsense"],
    )
    def test_without_a_complete_answer_it_may_have_been(self, run: Run, script: Script) -> None:
        with serving(script) as wire:
            error = failure(run, get(f"http://127.0.0.1:{wire.port}/"))

        assert isinstance(error, AnswerLost)
        assert len(wire.requests) == 1

    def test_half_a_body_is_no_answer(self, run: Run) -> None:
        def half(wire: Wire, connection: socket.socket) -> None:
            wire.read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        with serving(half) as wire:
            assert isinstance(failure(run, get(f"http://127.0.0.1:{wire.port}/")), AnswerLost)

    def test_a_request_whose_answer_was_lost_is_not_repeated_below_the_flow(self, run: Run) -> None:
        with serving(resetting) as wire:
            failure(run, get(f"http://127.0.0.1:{wire.port}/"))

        assert wire.connections == 1

    def test_no_secret_of_the_request_is_in_the_error(self, run: Run) -> None:
        with serving(resetting) as wire:
            url = EndpointUrl(f"http://127.0.0.1:{wire.port}/token")
            error = failure(
                run, HttpRequest("POST", url, (("Authorization", "Basic s3cr3t"),), b"code=s3cr3t")
            )

        assert "s3cr3t" not in f"{error} {error.hint} {error.url} {error.__cause__}"


class TestAddresses:
    """The address that was checked is the one that is connected to (DESIGN §10)."""

    @pytest.mark.parametrize(
        "addresses",
        [
            ["127.0.0.1"],
            ["93.184.216.34", "127.0.0.1"],
            ["127.0.0.1", "93.184.216.34"],
            ["10.0.0.1"],
            ["169.254.169.254"],
            ["::ffff:127.0.0.1"],
            ["93.184.216.34", "fe80::1"],
        ],
    )
    def test_a_public_name_with_any_other_answer_is_refused(
        self, run: Run, resolver: Resolver, addresses: list[str]
    ) -> None:
        with serving(saying(OK)) as wire:
            resolver.answers["as.example"] = [addresses]
            error = failure(run, get(f"https://as.example:{wire.port}/"), PUBLIC)

        assert isinstance(error, SecurityRefused)
        assert wire.connections == 0

    def test_a_literal_is_judged_like_an_answer(self, run: Run) -> None:
        with serving(saying(OK)) as wire:
            error = failure(run, get(f"http://127.0.0.1:{wire.port}/"), PUBLIC)

        assert isinstance(error, SecurityRefused)
        assert wire.connections == 0

    def test_a_second_look_up_changes_nothing(self, run: Run, resolver: Resolver) -> None:
        with serving(saying(OK)) as first:
            try:
                second = Wire(saying(answer(b"", "500 rebound")), "127.0.0.2", first.port)
            except OSError:
                pytest.skip("this machine has one loopback address")
            resolver.answers["app.localhost"] = [["127.0.0.1"], ["127.0.0.2"]]
            try:
                response = run(
                    send(get(f"http://app.localhost:{first.port}/")), NetworkPolicy("app.localhost")
                )
            finally:
                second.close()

        assert response.status == 200
        assert (first.connections, second.connections) == (1, 0)
        assert resolver.asked == ["app.localhost"]

    def test_the_next_address_is_tried_where_one_refuses(self, run: Run, resolver: Resolver) -> None:
        with serving(saying(OK)) as wire:
            resolver.answers["app.localhost"] = [["127.0.0.3", "127.0.0.1"]]
            response = run(send(get(f"http://app.localhost:{wire.port}/")), NetworkPolicy("app.localhost"))

        assert response.status == 200

    def test_localhost_that_resolves_elsewhere_is_refused(self, run: Run, resolver: Resolver) -> None:
        resolver.answers["localhost"] = [["93.184.216.34"]]
        error = failure(run, get("http://localhost:1/"), NetworkPolicy("localhost"))

        assert "does not resolve to loopback" in error.message

    def test_the_first_connection_teaches_the_policy(self, run: Run) -> None:
        policy = NetworkPolicy("127.0.0.1")
        with serving(saying(OK)) as wire:
            run(send(get(f"http://127.0.0.1:{wire.port}/")), policy)

        assert policy.reach is Reach.LOOPBACK


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls") / "cert.pem", "localhost", "as.example")


class TestTls:
    def test_a_self_signed_certificate_is_refused_before_anything_is_sent(
        self, run: Run, certificate: Path
    ) -> None:
        with serving(over_tls(saying(OK), certificate)) as wire:
            error = failure(run, get(f"https://localhost:{wire.port}/"), NetworkPolicy("localhost"))

        assert surely_not_sent(error)
        assert error.message.startswith("no trusted TLS connection")
        assert wire.connections == 1
        assert wire.requests == []

    def test_it_is_taken_where_ssl_cert_file_names_it(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(over_tls(saying(OK), certificate)) as wire:
            response = run(send(get(f"https://localhost:{wire.port}/")), NetworkPolicy("localhost"))

        assert response.status == 200

    def test_a_trusted_certificate_for_another_host_is_refused(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(over_tls(saying(OK), certificate)) as wire:
            error = failure(run, get(f"https://127.0.0.1:{wire.port}/"))

        assert surely_not_sent(error)
        assert wire.requests == []

    def test_a_server_that_speaks_no_tls_gets_nothing(self, run: Run) -> None:
        def plain(wire: Wire, connection: socket.socket) -> None:
            connection.recv(1)
            connection.sendall(OK)

        with serving(plain) as wire:
            error = failure(run, get(f"https://localhost:{wire.port}/"), NetworkPolicy("localhost"))

        assert surely_not_sent(error)

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_trust_that_cannot_be_read_is_named(
        self,
        run: Run,
        certificate: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        content: str | None,
    ) -> None:
        trust = tmp_path / "ca.pem"
        if content is not None:
            trust.write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(trust))
        with serving(over_tls(saying(OK), certificate)) as wire:
            error = failure(run, get(f"https://localhost:{wire.port}/"), NetworkPolicy("localhost"))

        assert wire.connections == 0
        assert isinstance(error, UsageError)
        assert "SSL_CERT_FILE" in (error.hint or "")


class TestProxy:
    def test_a_request_to_loopback_passes_it_by(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(saying(OK)) as wire, serving(saying(OK)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            run(send(get(f"http://127.0.0.1:{wire.port}/")))

        assert (wire.connections, proxy.connections) == (1, 0)

    @pytest.mark.parametrize(
        ("written", "credentials"),
        [
            ("http://127.0.0.1:{port}", None),
            ("127.0.0.1:{port}", None),
            ("http://127.0.0.1:{port}/", None),
            ("http://me:p%40ss@127.0.0.1:{port}", b"Proxy-Authorization: Basic bWU6cEBzcw=="),
        ],
    )
    def test_another_request_goes_through_it(
        self,
        run: Run,
        resolver: Resolver,
        certificate: Path,
        monkeypatch: pytest.MonkeyPatch,
        written: str,
        credentials: bytes | None,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(tunnel(over_tls(saying(OK), certificate))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", written.format(port=proxy.port))
            request = get("https://as.example/token", headers=(("Authorization", "Basic x"),))
            response = run(send(request), PUBLIC)

        connect, inner = proxy.requests
        assert response.status == 200
        assert connect.startswith(b"CONNECT as.example:443 HTTP/1.1\r\n")
        assert (credentials is None) or credentials in connect
        assert b"Basic x" not in connect
        assert b"Basic x" in inner
        assert b"roxy-" not in inner
        assert resolver.asked == []  # the proxy resolves

    @pytest.mark.parametrize(
        "url", ["https://10.0.0.1/", "https://db.internal/", "https://metadata.google.internal/"]
    )
    def test_what_can_be_judged_without_resolving_is(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        with serving(tunnel(hanging_up)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            error = failure(run, get(url), PUBLIC)

        assert isinstance(error, SecurityRefused)
        assert proxy.connections == 0

    def test_a_proxy_that_refuses_sent_nothing(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(tunnel(hanging_up, b"407 Proxy Authentication Required")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            error = failure(run, get("https://as.example/"), PUBLIC)

        assert surely_not_sent(error)
        assert "407" in error.message

    def test_the_certificate_behind_it_is_verified(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(tunnel(over_tls(saying(OK), certificate))) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            error = failure(run, get("https://as.example/"), PUBLIC)

        assert surely_not_sent(error)
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("kind", ["in its own answer", "behind it"])
    def test_a_slow_drip_ends_at_the_deadline_too(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        script = (
            dripping(b"HTTP/1.1 200 OK\r\nX: ")
            if kind == "in its own answer"
            else tunnel(over_tls(drip, certificate))
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(script) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            started = time.monotonic()
            error = failure(run, get("https://as.example/", timeout=0.4), PUBLIC)
            took = time.monotonic() - started

        assert isinstance(error, AnswerLost)
        assert took < 1.5

    @pytest.mark.parametrize(
        "proxy", ["socks5://127.0.0.1:1080", "socks4://h", "http://", "http://h:x", "ftp://h"]
    )
    def test_what_is_no_http_proxy_is_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        error = failure(run, get("https://as.example/"), PUBLIC)

        assert isinstance(error, UsageError)
        assert "HTTPS_PROXY" in (error.hint or "")


class TestFixedRoute:
    """The route of a login counts, and the environment of this program does not."""

    def test_it_goes_through_its_own_proxy(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with (
            serving(tunnel(over_tls(saying(OK), certificate))) as own,
            serving(tunnel(hanging_up)) as another,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{another.port}")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
            monkeypatch.setenv("NO_PROXY", "*")
            route = Route(Secret(f"http://me:pass@127.0.0.1:{own.port}"), str(certificate))
            response = run(send(get("https://as.example/token")), PUBLIC, route=route)

        assert response.status == 200
        assert own.requests[0].startswith(b"CONNECT as.example:443 HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic bWU6cGFzcw==" in own.requests[0]
        assert another.connections == 0

    def test_without_a_proxy_it_goes_directly(
        self, run: Run, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolver.answers["as.example"] = [[]]
        with serving(tunnel(hanging_up)) as another:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{another.port}")
            with pytest.raises(ServerUnavailable, match="does not resolve"):
                run(send(get("https://as.example/token")), PUBLIC, route=Route())

        assert (set(resolver.asked), another.connections) == ({"as.example"}, 0)

    def test_without_a_ca_file_it_trusts_the_system_alone(
        self, run: Run, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with serving(tunnel(over_tls(saying(OK), certificate))) as proxy:
            route = Route(Secret(f"http://127.0.0.1:{proxy.port}"))
            with pytest.raises(ServerUnavailable, match="no trusted TLS connection"):
                run(send(get("https://as.example/token")), PUBLIC, route=route)

        assert len(proxy.requests) == 1

    def test_loopback_is_reached_directly(self, run: Run) -> None:
        with serving(saying(OK)) as wire, serving(saying(OK)) as proxy:
            route = Route(Secret(f"http://127.0.0.1:{proxy.port}"))
            run(send(get(f"http://127.0.0.1:{wire.port}/")), route=route)

        assert (wire.connections, proxy.connections) == (1, 0)

    def test_a_proxy_behind_tls_is_known_by_the_same_certificates(self, run: Run, tmp_path: Path) -> None:
        own = self_signed(tmp_path / "both.pem", "127.0.0.1", "as.example")
        with serving(over_tls(tunnel(hanging_up, b"407 Proxy Authentication Required"), own)) as proxy:
            route = Route(Secret(f"https://127.0.0.1:{proxy.port}"), str(own))
            with pytest.raises(ServerUnavailable, match="407"):
                run(send(get("https://as.example/token")), PUBLIC, route=route)

        assert len(proxy.requests) == 1


def test_one_flow_keeps_its_connection(run: Run) -> None:
    with serving(saying(OK)) as wire:

        def twice() -> Flow[None]:
            yield from send(get(f"http://127.0.0.1:{wire.port}/a"))
            yield from send(get(f"http://127.0.0.1:{wire.port}/b"))

        run(twice())

    assert (wire.connections, len(wire.requests)) == (1, 2)
