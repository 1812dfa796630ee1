"""A person at a browser, without either.

As a program it is a browser for tests:

    BROWSER="python -m mcp_vacuum.lab.user %s"
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException, HTTPMessage
from typing import Literal
from urllib.parse import urlencode, urljoin, urlsplit

MOST_HOPS = 10
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FORM_ID = "lab-consent"
_NOTHING: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser gets."""

    status: int
    headers: HTTPMessage
    page: str


Watch = Callable[[str, str, Page | None], None]
"""Is told the method and URL of every request, and what came; None if nobody listens there."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone who decides what to do on the lab's consent page.

    `delay` is in seconds, between seeing the page and answering it. `patience` is how many seconds it tries
    again where nobody listens yet.
    """

    decision: Literal["allow", "deny"] = "allow"
    delay: float = 0.0
    timeout: float = 30.0
    patience: float = 0.0
    watch: Watch | None = None

    def visit(self, url: str) -> str:
        """Open a URL, follow redirects, answer the consent page; returns the URL where it ends.

        As in a browser, a redirect to where nobody listens ends there, and so
        does one to another scheme or beyond loopback, which is never requested.

        Raises:
            OSError: The first URL cannot be reached.
            RuntimeError: More than ten hops.
        """
        browser = _Browser(self.timeout, self.patience, self.watch)
        answer, body = browser.get(url), _NOTHING
        while True:
            form = _Form.find(answer.page) if answer.status == 200 else None
            if form:
                time.sleep(self.delay)
                fields = {**form.hidden, "decision": self.decision}
                url, body = urljoin(url, form.action), urlencode(fields)
                answer = browser.post(url, body)
            elif 300 <= answer.status < 400 and (location := answer.headers.get("Location")):
                repeats = answer.status in (307, 308) and body is not None
                body = body if repeats else None
                url = urljoin(url, location)
                try:
                    answer = browser.post(url, body) if body is not None else browser.get(url)
                except (OSError, ValueError, HTTPException):
                    return url
            else:
                return url


@dataclass(slots=True)
class _Browser:
    timeout: float
    patience: float = 0.0
    watch: Watch | None = None
    hops: int = 0
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str) -> Page:
        return self._send("GET", url, None)

    def post(self, url: str, form: str) -> Page:
        return self._send("POST", url, form)

    def _send(self, method: str, url: str, form: str | None) -> Page:
        self.hops += 1
        if self.hops > MOST_HOPS:
            raise RuntimeError("redirected in circles")
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise ValueError("this user never leaves loopback")
        try:
            answer = self._patiently(method, url, form)
        except (OSError, HTTPException):
            self._tell(method, url, None)
            raise
        self._tell(method, url, answer)
        self._keep_cookies(parts.netloc, answer.headers)
        return answer

    def _tell(self, method: str, url: str, answer: Page | None) -> None:
        if self.watch:
            self.watch(method, url, answer)

    def _patiently(self, method: str, url: str, form: str | None) -> Page:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return self._exchange(method, url, form)
            except ConnectionRefusedError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)

    def _exchange(self, method: str, url: str, form: str | None) -> Page:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            connection.request(method, _target(url), form, self._headers(parts.netloc, form))
            response = connection.getresponse()
            return Page(response.status, response.headers, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def _headers(self, origin: str, form: str | None) -> dict[str, str]:
        headers = {"Accept": "text/html", "User-Agent": "lab-user"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if jar := self.cookies.get(origin):
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        return headers

    def _keep_cookies(self, origin: str, headers: HTTPMessage) -> None:
        for header in headers.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies.setdefault(origin, {})[name.strip()] = value.strip()


class _Form(HTMLParser):
    """The lab's own form, if the page has it."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}

    @classmethod
    def find(cls, page: str) -> _FoundForm | None:
        parser = cls()
        parser.feed(page)
        return _FoundForm(parser.action, parser.hidden) if parser.action else None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("id") == _FORM_ID:
            self.action = given.get("action")
        elif tag == "input" and self.action and given.get("type") == "hidden":
            self.hidden[given.get("name", "")] = given.get("value", "")


@dataclass(frozen=True, slots=True)
class _FoundForm:
    action: str
    hidden: dict[str, str]


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + ("?" + parts.query if parts.query else "")


def main() -> None:
    """The user as a program; exits 0 after the visit."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m mcp_vacuum.lab.user", description="Visit and consent.")
    parser.add_argument("url")
    parser.add_argument("--deny", action="store_true", help="say no")
    parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="seconds to think about it")
    given = parser.parse_args()
    User("deny" if given.deny else "allow", given.delay).visit(given.url)


if __name__ == "__main__":
    main()
