"""Stands before the laboratories of a run: keeps every request with its answer, and puts up with any PKCE."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.lab.grants import s256
from mcp_vacuum.lab.messages import App, Request, Response
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.url import EndpointUrl

MOST_OF_A_BODY = 64 * 1024
_VERIFIER = "the-laboratory-puts-its-own-verifier-in-its-place"

Twist = Callable[[Request, App], Response]


@dataclass(slots=True)
class Recording:
    """What arrives, while it arrives.

    Attributes:
        scenario: Its name, for the purposes of the exchanges.
        aliases: Hosts by which a client knows a laboratory, and the laboratory's own.
    """

    scenario: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    active: int = 0
    touched: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: dict[int, tuple[float, Request]] = field(default_factory=dict)
    _done: dict[int, tuple[float, Response]] = field(default_factory=dict)

    def before(self, twist: Callable[[], Twist | None]) -> Twist:
        """Return what stands before one laboratory: this recording, then the scenario's own twist."""

        def answer(request: Request, app: App) -> Response:
            number = self._begin(request)
            try:
                own = twist()
                lenient = _lenient(app)
                response = own(request, lenient) if own else lenient(request)
            except BaseException:
                self._finish(number, Response(0, delivery="reset"))
                raise
            self._finish(number, response)
            return response

        return answer

    @property
    def begun(self) -> bool:
        """Something arrived."""
        return bool(self._begun)

    def touch(self) -> None:
        """Note that something happened."""
        self.touched = time.monotonic()

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return everything so far, in the order of arrival."""
        with self._lock:
            begun, done = dict(self._begun), dict(self._done)
        return tuple(
            _exchange(number + 1, self.scenario, moment, self._own(request), done.get(number))
            for number, (moment, request) in begun.items()
        )

    def _own(self, request: Request) -> Request:
        host = request.headers.get("host", "")
        return replace(request, headers={**request.headers, "host": self.aliases.get(host, host)})

    def _begin(self, request: Request) -> int:
        with self._lock:
            number = len(self._begun)
            self._begun[number] = (time.time(), request)
            self.active += 1
        self.touch()
        return number

    def _finish(self, number: int, response: Response) -> None:
        with self._lock:
            self._done[number] = (time.time(), response)
            self.active -= 1
        self.touch()


def _lenient(app: App) -> App:
    """Put a good challenge and its verifier in place of the client's: what it sent is recorded already."""

    def answer(request: Request) -> Response:
        if request.method == "GET" and request.path.endswith("/authorize") and "client_id" in request.query:
            ours = {"code_challenge": (s256(_VERIFIER),), "code_challenge_method": ("S256",)}
            return app(replace(request, query={**request.query, **ours}))
        if "code" in request.form and "grant_type" in request.form:
            return app(replace(request, form={**request.form, "code_verifier": (_VERIFIER,)}))
        return app(request)

    return answer


def _exchange(
    number: int, scenario: str, began: float, request: Request, answered: tuple[float, Response] | None
) -> Exchange:
    url = _url(request)
    sent = HttpRequest(
        request.method, url, tuple(request.headers.items()), request.body[:MOST_OF_A_BODY] or None
    )
    ended, response = answered or (began, Response(0, delivery="reset"))
    lost = answered is None or response.delivery == "reset"
    came = None if lost else _response(url, response, ended)
    return Exchange(
        number,
        scenario,
        request.method,
        url,
        sent,
        came,
        "lost" if lost else "answered",
        "no answer" if lost else "",
        began,
        ended - began,
    )


def _response(url: str, response: Response, ended: float) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers)
    return HttpResponse(url, response.status, headers, response.body[:MOST_OF_A_BODY], ended)


def _url(request: Request) -> EndpointUrl:
    """Rebuild the URL by the Host header."""
    query = _encoded(request.query)
    return EndpointUrl(
        f"http://{request.headers.get('host', '')}{request.path}{'?' + query if query else ''}"
    )


def _encoded(of: Mapping[str, tuple[str, ...]]) -> str:
    return urlencode([(name, value) for name, values in of.items() for value in values])
