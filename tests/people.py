"""People who log in to the laboratory, each in a way of their own, and what a test sees of it."""

from __future__ import annotations

import socket
from contextlib import suppress

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.paste import PasteVisit
from mcp_vacuum.lab import Lab
from mcp_vacuum.login import Ways
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.url import BrowserUrl
from mcp_vacuum.storage.credentials import CredentialStore


def nobody(listener: LoopbackListener, timeout: float) -> Person:
    """A login that must not need a person."""
    raise AssertionError("a browser would have been opened")


def record(store: CredentialStore, lab: Lab) -> Credential:
    found = store.get(lab.mcp_url)
    assert found is not None
    return found


class Steps(list[str]):
    """A progress listener that keeps the words."""

    def __call__(self, step: str, text: str) -> None:
        self.append(step)


def pasting(*lines: str | None) -> Ways:
    """None stands for the address at which a browser elsewhere ended."""
    ended: list[str] = []
    left = list(lines)

    def show(url: BrowserUrl) -> None:
        # The browser is elsewhere, so nobody follows the last redirect for it.
        ended.append(visited_elsewhere(url))

    def read(prompt: str) -> str:
        line = left.pop(0)
        return ended[0] if line is None else line

    return lambda listener, timeout: PasteVisit(show, read)


def visited_elsewhere(url: str) -> str:
    """Where a browser on another machine ends: at the redirect URI, which it cannot reach."""
    from http.client import HTTPConnection
    from urllib.parse import urlencode, urlsplit

    from mcp_vacuum.lab.user import _Form

    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    page = connection.getresponse()
    form = _Form.find(page.read().decode())
    assert form is not None
    body = urlencode({**form.hidden, "decision": "allow"})
    cookie = (page.headers["Set-Cookie"] or "").partition(";")[0]
    kind = "application/x-www-form-urlencoded"
    connection.request("POST", form.action, body, {"Content-Type": kind, "Cookie": cookie})
    answer = connection.getresponse()
    location = answer.headers["Location"]
    answer.read()
    connection.close()
    assert location
    return location


def polite_browser(listener: LoopbackListener, timeout: float) -> Person:
    """One that lets the listener close the connection first, as `Connection: close` asks for."""

    def visit(url: BrowserUrl) -> bool:
        from urllib.parse import urlsplit

        parts = urlsplit(visited_elsewhere(url))
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
            request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
            connection.sendall(request.encode())
            while connection.recv(4096):
                pass
        return True

    return BrowserVisit(listener, timeout=timeout, opener=visit)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def taken(uri: str | None) -> socket.socket:
    """Somebody else on the port of a redirect URI."""
    assert uri is not None
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the login may have left it in TIME_WAIT
    with suppress(OSError):  # then it is in use already
        taken.bind(("127.0.0.1", int(uri.split(":")[2].split("/")[0])))
        taken.listen()
    return taken
