from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from mcp_vacuum.drivers.loopback import LoopbackListener, _Handler
from mcp_vacuum.errors import LoginDeclined, SecurityRefused, ServerUnavailable, UsageError

GOOD = "code=the-code&state=s"


def accepts(url: str) -> bool:
    return "state=s" in url.partition("?")[2].split("&")


@pytest.fixture
def listener() -> Iterator[LoopbackListener]:
    with LoopbackListener() as listener:
        listener.expect(accepts)
        yield listener


def port_of(listener: LoopbackListener) -> int:
    return urlsplit(listener.redirect_uri).port or 0


def raw(listener: LoopbackListener, request: bytes) -> bytes:
    """Send bytes and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=3) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def get(
    listener: LoopbackListener,
    target: str = f"/callback?{GOOD}",
    host: str | None = None,
    method: str = "GET",
) -> bytes:
    host = urlsplit(listener.redirect_uri).netloc if host is None else host
    return raw(listener, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))


def status(answer: bytes) -> int:
    return int(answer.split()[1])


class TestTheAnswer:
    """RFC 8252 §7.3."""

    def test_it_is_the_redirect_uri_with_the_query_that_came(self, listener: LoopbackListener) -> None:
        assert status(get(listener)) == 200
        assert listener.wait(accepts, 1) == f"{listener.redirect_uri}?{GOOD}"

    def test_the_query_is_passed_on_as_it_came(self, listener: LoopbackListener) -> None:
        get(listener, "/callback?code=%41+b%00&&state=s&x=%zz")

        assert listener.wait(accepts, 1).partition("?")[2] == "code=%41+b%00&&state=s&x=%zz"

    def test_it_is_awaited(self, listener: LoopbackListener) -> None:
        timer = threading.Timer(0.1, get, [listener])
        timer.start()
        try:
            assert listener.wait(accepts, 2).endswith(GOOD)
        finally:
            timer.join()

    def test_it_is_handed_over_when_the_page_was_sent(
        self, listener: LoopbackListener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        answer, take = _Handler._answer, LoopbackListener.take

        def note_answer(handler: _Handler, code: int, page: str) -> None:
            steps.append("page")
            answer(handler, code, page)

        def note_take(self: LoopbackListener, url: str) -> None:
            steps.append("answer")
            take(self, url)

        monkeypatch.setattr(_Handler, "_answer", note_answer)
        monkeypatch.setattr(LoopbackListener, "take", note_take)
        get(listener)

        assert listener.wait(accepts, 2).endswith(GOOD)
        assert steps == ["page", "answer"]

    def test_it_is_handed_over_also_where_the_page_could_not_be_sent(
        self, listener: LoopbackListener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(handler: _Handler, code: int, page: str) -> None:
            raise BrokenPipeError

        monkeypatch.setattr(_Handler, "_answer", gone)
        get(listener)

        assert listener.wait(accepts, 2).endswith(GOOD)

    def test_nobody_is_a_declined_login(self, listener: LoopbackListener) -> None:
        with pytest.raises(LoginDeclined, match="nobody finished the login"):
            listener.wait(accepts, 0.05)

    def test_of_two_at_once_the_right_one_is_taken(self, listener: LoopbackListener) -> None:
        answers: list[int] = []
        targets = [f"/callback?{GOOD}", "/callback?code=x&state=foreign"] * 4
        threads = [
            threading.Thread(target=lambda target=target: answers.append(status(get(listener, target))))
            for target in targets
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(answers) == [200] * 4 + [400] * 4
        assert listener.wait(accepts, 1).endswith(GOOD)


class TestWhatDoesNotBelong:
    @pytest.mark.parametrize(
        "target",
        [
            "/callback?code=x&state=foreign",
            "/callback?code=x",
            "/callback?error=access_denied&state=foreign",
            "/callback",
        ],
    )
    def test_a_foreign_state_is_ignored_and_counted(self, listener: LoopbackListener, target: str) -> None:
        assert status(get(listener, target)) == 400
        assert listener.foreign_answers == 1

        get(listener)
        assert listener.wait(accepts, 1).endswith(GOOD)

    def test_only_foreign_states_are_an_attack_or_a_mistake(self, listener: LoopbackListener) -> None:
        get(listener, "/callback?code=x&state=foreign")
        with pytest.raises(SecurityRefused, match="another login"):
            listener.wait(accepts, 0.05)

    @pytest.mark.parametrize(
        "target",
        [
            f"/?{GOOD}",
            f"/callback/?{GOOD}",
            f"/Callback?{GOOD}",
            f"/callback%2F?{GOOD}",
            f"/%63allback?{GOOD}",
            f"/x/../callback?{GOOD}",
            f"/callback;x?{GOOD}",
            f"http://127.0.0.1/callback?{GOOD}",
            "/favicon.ico",
            "*",
        ],
    )
    def test_another_path_is_not_found_and_not_counted(self, listener: LoopbackListener, target: str) -> None:
        assert status(get(listener, target)) == 404
        assert listener.foreign_answers == 0

    @pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "get", "FOO"])
    def test_another_method_is_refused(self, listener: LoopbackListener, method: str) -> None:
        assert status(get(listener, method=method)) == 501
        with pytest.raises(LoginDeclined):
            listener.wait(accepts, 0.01)

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
    )
    def test_another_host_is_refused(self, listener: LoopbackListener, host: str) -> None:
        # A page of a rebound name in the person's own browser, say.
        assert status(get(listener, host=host.format(port=port_of(listener)))) == 404
        assert listener.foreign_answers == 0

    def test_no_host_and_two_hosts_are_refused(self, listener: LoopbackListener) -> None:
        host = urlsplit(listener.redirect_uri).netloc
        line = f"GET /callback?{GOOD} HTTP/1.1\r\n"

        assert status(raw(listener, f"{line}\r\n".encode())) == 404
        assert status(raw(listener, f"{line}Host: {host}\r\nHost: {host}\r\n\r\n".encode())) == 404

    @pytest.mark.parametrize(("length", "code"), [(8192, 200), (8193, 404), (60_000, 404), (70_000, 414)])
    def test_an_oversized_query_is_refused(self, listener: LoopbackListener, length: int, code: int) -> None:
        query = f"{GOOD}&x=".ljust(length, "x")

        assert status(get(listener, f"/callback?{query}")) == code

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\n\r\n",
            b"GET\r\n\r\n",
            b"A B C D\r\n\r\n",
        ],
    )
    def test_what_is_no_http_harms_nobody(self, listener: LoopbackListener, request_bytes: bytes) -> None:
        raw(listener, request_bytes)

        assert status(get(listener)) == 200

    def test_before_anybody_waits_nothing_is_taken(self) -> None:
        with LoopbackListener() as listener:
            assert status(get(listener)) == 400


class TestThePage:
    @pytest.mark.parametrize("target", [f"/callback?{GOOD}", "/callback?state=foreign", "/elsewhere"])
    def test_its_headers_allow_nothing(self, listener: LoopbackListener, target: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(listener), timeout=3)
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        connection.close()

        assert "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
        assert "script-src" not in (response.getheader("Content-Security-Policy") or "")
        assert "frame-ancestors 'none'" in (response.getheader("Content-Security-Policy") or "")
        assert response.getheader("Cache-Control") == "no-store"
        assert response.getheader("Referrer-Policy") == "no-referrer"
        assert response.getheader("X-Content-Type-Options") == "nosniff"
        assert response.getheader("Content-Type") == "text/html; charset=utf-8"
        assert response.getheader("Server") is not None
        assert "Python" not in (response.getheader("Server") or "")
        assert response.getheader("Location") is None
        assert not re.search(rb"<script|https?://|<img|<link|<form", body)

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"GET /callback?code=MARK&state=s HTTP/1.1\r\nHost: {host}\r\n\r\n",
            b"GET /callback?error=MARK&state=foreign HTTP/1.1\r\nHost: {host}\r\n\r\n",
            b"GET /MARK HTTP/1.1\r\nHost: {host}\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: MARK\r\n\r\n",
            b"MARK / HTTP/1.1\r\nHost: {host}\r\n\r\n",
            b"GET / MARK\r\n\r\n",
            b"MARK\r\n\r\n",
            b"GET / HTTP/9.MARK\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"MARK: x\r\n" * 200 + b"\r\n",
            b"GET / HTTP/1.1\r\nMARK: " + b"x" * 70_000 + b"\r\n\r\n",
        ],
    )
    def test_nothing_of_the_request_is_in_it(self, listener: LoopbackListener, request_bytes: bytes) -> None:
        host = urlsplit(listener.redirect_uri).netloc.encode()
        answer = raw(listener, request_bytes.replace(b"{host}", host))

        assert answer
        assert b"MARK" not in answer

    def test_nothing_is_logged(self, listener: LoopbackListener, capfd: pytest.CaptureFixture[str]) -> None:
        get(listener)
        get(listener, method="FOO")

        assert capfd.readouterr() == ("", "")


class TestItsLife:
    def test_an_idle_connection_does_not_block_the_others(self, listener: LoopbackListener) -> None:
        # Browsers open spare connections.
        with (
            socket.create_connection(("127.0.0.1", port_of(listener))) as idle,
            socket.create_connection(("127.0.0.1", port_of(listener))) as half,
        ):
            half.sendall(b"GET /callback?code=")
            assert status(get(listener)) == 200
            assert listener.wait(accepts, 1).endswith(GOOD)
            assert idle.fileno() > 0

    def test_it_closes_its_port(self) -> None:
        with LoopbackListener() as listener:
            port = port_of(listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

    def test_closing_does_not_wait_for_an_idle_connection(self) -> None:
        listener = LoopbackListener()
        with socket.create_connection(("127.0.0.1", port_of(listener))):
            started = time.monotonic()
            listener.close()

            assert time.monotonic() - started < 1

    def test_it_listens_on_loopback_only(self, listener: LoopbackListener) -> None:
        assert listener._server.server_address[0] == "127.0.0.1"

    def test_a_port_in_use_says_so(self, listener: LoopbackListener) -> None:
        with pytest.raises(ServerUnavailable, match=f"port {port_of(listener)}") as caught:
            LoopbackListener(port=port_of(listener))

        assert "--callback-port" in (caught.value.hint or "")

    @pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "192.168.0.1", ""])
    def test_another_host_is_not_listened_on(self, host: str) -> None:
        with pytest.raises(UsageError, match="not a loopback host"):
            LoopbackListener(host)


class TestRedirectUri:
    """The redirect URI is a contract: its host is written as given, its path is /callback."""

    def test_the_default(self, listener: LoopbackListener) -> None:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", listener.redirect_uri)

    @pytest.mark.parametrize(
        "uri",
        ["http://127.0.0.1/callback", "http://localhost/cb", "http://[::1]/callback", "http://127.0.0.1"],
    )
    def test_one_without_a_port_gets_a_free_one(self, uri: str) -> None:
        try:
            listener = LoopbackListener.for_redirect_uri(uri)
        except ServerUnavailable:
            pytest.skip("this machine has no IPv6 loopback")
        with listener:
            parts, wanted = urlsplit(listener.redirect_uri), urlsplit(uri)
            assert (parts.hostname, parts.path) == (wanted.hostname, wanted.path)
            assert parts.port

    def test_one_with_a_port_gets_that(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        uri = f"http://localhost:{port}/callback"
        with LoopbackListener.for_redirect_uri(uri) as listener:
            listener.expect(accepts)
            assert listener.redirect_uri == uri
            assert status(get(listener)) == 200

    @pytest.mark.parametrize(
        "uri",
        [
            "https://127.0.0.1/callback",
            "http://example.com/callback",
            "http:///callback",
            "urn:ietf:wg:oauth:2.0:oob",
            "http://127.0.0.1/callback?a=b",
            "http://127.0.0.1/callback#a",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:x/callback",
            "http://[::1/callback",
            "myapp://callback",
            "",
        ],
    )
    def test_another_kind_is_a_usage_error(self, uri: str) -> None:
        with pytest.raises(UsageError):
            LoopbackListener.for_redirect_uri(uri)
