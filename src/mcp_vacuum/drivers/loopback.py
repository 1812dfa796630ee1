"""The loopback redirect of a native app (RFC 8252 §7.3): a listener that lives as long as one login."""

from __future__ import annotations

import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from mcp_vacuum.errors import LoginDeclined, SecurityRefused, ServerUnavailable, UsageError
from mcp_vacuum.safety.address import is_loopback_host

CALLBACK_PATH = "/callback"
_MAX_QUERY = 8192
_SLOW_CLIENT = 10.0

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mcp-vacuum</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; margin: 0 2rem;
  display: grid; place-content: center; min-height: 90vh }}
main {{ max-width: 32rem; text-align: center }}
h1 {{ font-size: 1.6rem; margin: 0 0 .5rem }}
p {{ margin: 0; opacity: .75 }}
</style></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
_ARRIVED = _PAGE.format(
    title="You can close this tab", text="The answer has arrived. mcp-vacuum goes on in your terminal."
)
_FOREIGN = _PAGE.format(
    title="This answer is not expected",
    text="It belongs to no login that is waiting here. Nothing was done with it.",
)


class LoopbackListener:
    """Waits on a loopback port for one redirect. Bound before the client is registered.

    Only GET on the exact path with the right Host counts; what does not belong is answered with a fixed
    page and ignored, so that a stray or forged request can neither end a login nor complete it.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, path: str = CALLBACK_PATH) -> None:
        """Bind.

        Args:
            host: ``127.0.0.1``, ``localhost`` or ``[::1]``; it appears in the redirect URI as given.
            port: 0 for a free one.
            path: The path of the redirect URI.

        Raises:
            UsageError: The host is not loopback.
            ServerUnavailable: The port is in use.
        """
        if not is_loopback_host(host):
            raise UsageError(f"{host} is not a loopback host", spec="RFC 8252 §8.3")
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._accepts: Callable[[str], bool] | None = None
        self.foreign_answers = 0
        self._server = _bind(host, port, self)
        self.redirect_uri = f"http://{host}:{self._server.server_address[1]}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @classmethod
    def for_redirect_uri(cls, redirect_uri: str, port: int = 0) -> LoopbackListener:
        """Bind the host, port and path of a redirect URI; one without a port gets `port`, or a free one."""
        try:
            parts = urlsplit(redirect_uri)
            host, port = parts.hostname, parts.port or port
        except ValueError:
            host = None
        if host is None or parts.scheme != "http" or parts.query or parts.fragment:
            raise UsageError(
                f"{redirect_uri!r} is no loopback redirect URI", hint="http://127.0.0.1:8123/callback, say"
            )
        return cls(f"[{host}]" if ":" in host else host, port, parts.path)

    def expect(self, accepts: Callable[[str], bool]) -> None:
        """Begin to take answers that `accepts` approves; call it before anybody is sent to the server."""
        self._accepts = accepts

    def wait(self, accepts: Callable[[str], bool], timeout: float) -> str:
        """Block until a redirect URL comes that `accepts` approves.

        Args:
            accepts: Pure predicate over a whole redirect URL.
            timeout: Seconds to wait for the person.

        Raises:
            LoginDeclined: Nobody came.
            SecurityRefused: Only answers with another `state` came.
        """
        self.expect(accepts)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=min(left, 0.5))
            except queue.Empty:
                continue
        if self.foreign_answers:
            raise SecurityRefused(
                "only answers that belong to another login came back (state differs)", spec="RFC 6749 §10.12"
            )
        raise LoginDeclined(f"nobody finished the login within {timeout:.0f} s", hint="run the login again")

    def expects(self, redirect_url: str) -> bool:
        """Return whether a redirect URL is the one that is waited for; count it if not."""
        expected = self._accepts is not None and self._accepts(redirect_url)
        self.foreign_answers += not expected
        return expected

    def take(self, redirect_url: str) -> None:
        """Hand over the redirect URL that is waited for."""
        self._answers.put(redirect_url)

    def close(self) -> None:
        """Stop listening and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WideListener(LoopbackListener):
    """Takes what an authorization server should never send: another path of ours, and a POST.

    For an auditor, who wants to know; what it accepts decides as before.

    Attributes:
        came: The method by which each redirect URL came.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, path: str = CALLBACK_PATH) -> None:
        """Bind; see `LoopbackListener`."""
        self.came: dict[str, str] = {}
        super().__init__(host, port, path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Five, as it comes, are filled by anybody who opens connections and says nothing.
    request_queue_size = 128
    # Without it the remembered port of a login is busy for a minute after it; on Windows it would let
    # another program take the port while we listen.
    allow_reuse_address = sys.platform != "win32"
    listener: LoopbackListener


class _Server6(_Server):
    address_family = socket.AF_INET6


def _bind(host: str, port: int, listener: LoopbackListener) -> _Server:
    kind = _Server6 if host == "[::1]" else _Server
    address = "::1" if host == "[::1]" else "127.0.0.1"
    try:
        server = kind((address, port), _WideHandler if isinstance(listener, WideListener) else _Handler)
    except OSError as error:
        raise ServerUnavailable(
            f"port {port} of {address} cannot be used for the callback: {error.strerror}",
            hint="close the program that uses it, or choose another one with --callback-port",
        ) from None
    server.listener = listener
    return server


class _Handler(BaseHTTPRequestHandler):
    """Answers with one of two fixed pages; reflects nothing, logs nothing."""

    server: _Server
    timeout = _SLOW_CLIENT
    server_version = "mcp-vacuum"
    sys_version = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not self._is_for_us(path, query):
            self._answer(404, _FOREIGN)
        else:
            self._offer(f"{self.server.listener.redirect_uri}?{query}")

    def _offer(self, redirect_url: str) -> None:
        """Show the page first: what waits for the answer may end the program with it."""
        listener = self.server.listener
        if not listener.expects(redirect_url):
            self._answer(400, _FOREIGN)
            return
        try:
            self._answer(200, _ARRIVED)
        finally:
            listener.take(redirect_url)

    def _is_for_us(self, path: str, query: str) -> bool:
        """The exact path, and the Host of the redirect URI: a web page whose name was rebound has its own."""
        expected = urlsplit(self.server.listener.redirect_uri)
        ours = path == expected.path and self.headers.get_all("host") == [expected.netloc]
        return ours and len(query) <= _MAX_QUERY

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses with the same page: its own would repeat the request."""
        self.close_connection = True
        self._answer(code, _FOREIGN)

    def _answer(self, status: int, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in _PAGE_HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the request line holds the code."""


class _WideHandler(_Handler):
    """Takes every path, and a POST too: a browser repeats it after a 307, with what was typed into it."""

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def _take(self) -> None:
        listener = self.server.listener
        expected = urlsplit(listener.redirect_uri)
        if self.headers.get_all("host") != [expected.netloc] or len(self.path) > _MAX_QUERY:
            self._answer(404, _FOREIGN)
            return
        redirect_url = f"{expected.scheme}://{expected.netloc}{self.path}"
        if isinstance(listener, WideListener):
            listener.came[redirect_url] = self.command
        self._offer(redirect_url)


_PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
)
