"""The user, as an object and as a program."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mcp_vacuum.lab import Lab, User, user
from mcp_vacuum.lab.user import Page

from .plain import Plain, query

SOURCE = Path(__file__).parents[2] / "src"


@contextmanager
def callback_listener() -> Iterator[tuple[str, list[str]]]:
    """A loopback callback as clients have it: its URL and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"You may close this page.")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/callback", asked
        finally:
            server.shutdown()
            thread.join()


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "mcp_vacuum.lab.user", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HTTP_PROXY": "http://127.0.0.1:9"}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)


class TestVisit:
    def test_ends_at_the_clients_own_listener(self, lab: Lab) -> None:
        with callback_listener() as (url, asked):
            lab.add_client("c", redirect_uris=[url])
            end = User().visit(Plain(lab, "c").authorization_url(redirect_uri=url))

        assert end.startswith(f"{url}?code=")
        assert asked == [end.removeprefix(url.removesuffix("/callback"))]

    def test_repeats_the_form_after_307_as_browsers_do(self, lab: Lab) -> None:
        lab.faults.consent_status = 307
        with callback_listener() as (url, asked):
            lab.add_client("c", redirect_uris=[url])
            end = User().visit(Plain(lab, "c").authorization_url(redirect_uri=url))

        assert end.startswith(f"{url}?code=")
        assert asked == []  # that callback knows no POST

    def test_ends_where_nobody_listens(self, lab: Lab, plain: Plain) -> None:
        assert query(User().visit(plain.authorization_url()))["code"] == list(lab.issued_codes)

    def test_a_slow_user_takes_that_long(self, plain: Plain) -> None:
        before = time.monotonic()
        plain.user = User(delay=0.2)
        plain.authorize()

        assert time.monotonic() - before >= 0.2

    def test_an_error_page_is_the_end(self, plain: Plain) -> None:
        url = plain.authorization_url(client_id="nobody")

        assert User().visit(url) == url

    @pytest.mark.parametrize(
        "elsewhere",
        ["http://192.0.2.1/x", "https://attacker.example/x", "com.example.app:/cb", "javascript:1"],
    )
    def test_a_redirect_beyond_loopback_is_not_followed(
        self, lab: Lab, elsewhere: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hosts = []

        class Watched(HTTPConnection):
            def connect(self) -> None:
                hosts.append(self.host)
                if self.host == "127.0.0.1":
                    super().connect()

        monkeypatch.setattr(user, "HTTPConnection", Watched)
        lab.faults.metadata_redirect = elsewhere

        assert User().visit(f"{lab.issuer}/.well-known/oauth-authorization-server") == elsewhere
        assert hosts == ["127.0.0.1"]

    def test_circles_are_left(self, lab: Lab) -> None:
        url = f"{lab.issuer}/.well-known/oauth-authorization-server"
        lab.faults.metadata_redirect = url
        with pytest.raises(RuntimeError, match="circles"):
            User().visit(url)

    def test_a_first_url_that_cannot_be_reached_is_an_error(self) -> None:
        with pytest.raises(OSError, match="refused"):
            User().visit("http://127.0.0.1:9/authorize")


class TestProgram:
    def test_consents_and_exits_0(self, lab: Lab) -> None:
        with callback_listener() as (url, asked):
            lab.add_client("c", redirect_uris=[url])
            done = program(Plain(lab, "c").authorization_url(redirect_uri=url))

        assert (done.returncode, done.stderr) == (0, "")
        assert query(asked[0])["code"] == list(lab.issued_codes)

    def test_can_deny(self, lab: Lab) -> None:
        with callback_listener() as (url, asked):
            lab.add_client("c", redirect_uris=[url])
            program(Plain(lab, "c").authorization_url(redirect_uri=url), "--deny", "--delay", "0.1")

        assert query(asked[0])["error"] == ["access_denied"]

    def test_loads_neither_server_nor_tls_clients(self) -> None:
        code = "import sys, mcp_vacuum.lab.user; print([m for m in sys.modules if m in sys.argv])"
        heavy = ["http.server", "mcp_vacuum.lab.lab", "urllib.request", "asyncio", "pydantic", "httpx2"]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(
            [sys.executable, "-c", code, *heavy], capture_output=True, text=True, env=environment, check=True
        )

        assert done.stdout.strip() == "[]"


def test_the_user_is_watched(lab: Lab) -> None:
    seen: list[tuple[str, str, int | None]] = []

    def watch(method: str, url: str, page: Page | None) -> None:
        seen.append((method, url, page.status if page else None))

    User(watch=watch).visit(f"{lab.issuer}/jwks")

    assert seen == [("GET", f"{lab.issuer}/jwks", 200)]


def test_the_user_waits_for_whom_is_not_there_yet() -> None:
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        port = late.getsockname()[1]
        seen: list[Page | None] = []
        with pytest.raises(ConnectionRefusedError):
            User(patience=0.1, watch=lambda _, __, page: seen.append(page)).visit(f"http://127.0.0.1:{port}/")

    assert seen == [None]
