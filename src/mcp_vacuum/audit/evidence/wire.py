"""Sends the requests of one audit, politely, and writes every exchange down.

Polite: a few at a time, a bounded number in all, nothing more to an origin that answered 429, no redirect
followed by itself, no cookie, and no address that `NetworkPolicy` refuses. What goes wrong is written down
too; nothing here raises for what a server does.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urljoin

import anyio

from mcp_vacuum.audit.exchange import Exchange, Outcome
from mcp_vacuum.drivers.transport import AsyncTransport
from mcp_vacuum.errors import (
    AnswerLost,
    AnswerTooLarge,
    SecurityRefused,
    ServerUnavailable,
    UsageError,
    VacuumError,
)
from mcp_vacuum.protocol.effects import HeaderList, HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import MAX_DOCUMENT, MAX_REDIRECTS, METADATA_TIMEOUT
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import EndpointUrl, check_endpoint, origin

T = TypeVar("T")
U = TypeVar("U")

MOST_REQUESTS = 200
"""In one audit of one server, logins included."""
AT_ONCE = 4
REDIRECTS = frozenset({301, 302, 303, 307, 308})


Task = tuple[str, str, str, HeaderList, bytes | None]
"""Purpose, method, URL, headers and body of a request."""


class Wire:
    """The recorded wire of one audit; use it in an `async with`."""

    def __init__(self, policy: NetworkPolicy, *, most: int = MOST_REQUESTS, at_once: int = AT_ONCE) -> None:
        """Send at most `most` requests, `at_once` at a time, where `policy` lets them go."""
        self.policy = policy
        self._transport = AsyncTransport(policy)
        self._slots = anyio.CapacityLimiter(at_once)
        self._left = most
        self._number = 0
        self._enough: set[str] = set()
        self._recorded: list[Exchange] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Everything so far, in the order in which it was begun."""
        return tuple(sorted(self._recorded, key=lambda exchange: exchange.number))

    async def send(
        self,
        purpose: str,
        method: str,
        url: str,
        *,
        headers: HeaderList = (),
        body: bytes | None = None,
        timeout: float = METADATA_TIMEOUT,  # noqa: ASYNC109 - seconds for the exchange, kept by the transport
        max_body: int = MAX_DOCUMENT,
    ) -> Exchange:
        """Send one request, as it is, and return what became of it.

        Args:
            purpose: Why, in a few words, for people.
            method: Any HTTP method.
            url: Unchecked; what `safety.url` refuses is not sent, and the exchange says so.
            headers: Beside Host, User-Agent and Accept-Encoding.
            body: Bytes; a secret in them is masked in every report.
            timeout: Seconds for the whole exchange.
            max_body: Bytes of answer to accept; 0 reads the head only. Of an event
                stream only the head is read.
        """
        try:
            checked = check_endpoint(url, "the URL")
        except SecurityRefused as error:
            return self._noted(purpose, method, url)("refused", f"not sent: {error.message}")
        return await self._sent(purpose, HttpRequest(method, checked, headers, body, timeout, max_body))

    async def _sent(self, purpose: str, request: HttpRequest) -> Exchange:
        """Send a request whose URL was checked."""
        ended = self._noted(purpose, request.method, request.url)
        if why := self._unwanted(request.url):
            return ended("refused", f"not sent: {why}")
        self._left -= 1
        try:
            async with self._slots:
                response = await self._transport.send(request)
        except VacuumError as error:
            outcome = _outcome(error)
            return ended(outcome, error.message, None if outcome == "refused" else request)
        if response.status == 429:
            self._enough.add(origin(request.url))
        return ended("answered", "", request, response)

    def _noted(self, purpose: str, method: str, url: str) -> Callable[..., Exchange]:
        """Give an exchange its number, and return what writes it down when it has ended."""
        self._number += 1
        number, started = self._number, time.time()

        def ended(
            outcome: Outcome,
            failure: str = "",
            request: HttpRequest | None = None,
            response: HttpResponse | None = None,
        ) -> Exchange:
            seconds = time.time() - started
            exchange = Exchange(
                number, purpose, method, url, request, response, outcome, failure, started, seconds
            )
            self._recorded.append(exchange)
            return exchange

        return ended

    def visited(self, purpose: str, method: str, url: str, what: str) -> Exchange:
        """Write down a request of a person's browser, to a server or back to us."""
        return self._noted(purpose, method, url)("visited", what)

    def most_at_once(self, number: int) -> None:
        """Send so many requests at the same time from now on."""
        self._slots.total_tokens = number

    def go_on(self, url: str) -> None:
        """Talk to an origin again that asked to slow down: only to take back what was made there."""
        self._enough.discard(origin(url))
        self._left = max(self._left, 10)

    async def get(self, purpose: str, url: str, *, accept: str = "application/json") -> Exchange:
        """GET a public document, without credentials."""
        return await self.send(purpose, "GET", url, headers=(("Accept", accept),))

    async def get_in_the_clear(self, purpose: str, url: str) -> Exchange:
        """GET an https URL of a public document over plain http, to see that it is refused.

        Nothing but the URL is sent. The port stays; without one it is 80.
        """
        plain = "http://" + check_endpoint(url, "the URL").removeprefix("https://")
        return await self._sent(purpose, HttpRequest("GET", EndpointUrl(plain), max_body=0))

    async def get_following(self, purpose: str, url: str, *, accept: str = "application/json") -> Exchange:
        """GET a public document over a few redirects on the same origin; return the last exchange."""
        exchange = await self.get(purpose, url, accept=accept)
        for _ in range(MAX_REDIRECTS):
            onward = redirected(exchange)
            if onward is None or not same_origin(onward, url):
                return exchange
            exchange = await self.get(f"{purpose}, redirected", onward, accept=accept)
        return exchange

    async def together(self, tasks: Iterable[Task]) -> list[Exchange]:
        """Send requests at once; answers in their order."""
        return await at_once(
            *(
                partial(self.send, purpose, method, url, headers=headers, body=body)
                for purpose, method, url, headers, body in tasks
            )
        )

    def _unwanted(self, url: str) -> str:
        if origin(url) in self._enough:
            return "the server asked to slow down (429)"
        return "" if self._left > 0 else "the audit's limit of requests is reached"


def _outcome(error: VacuumError) -> Outcome:
    if isinstance(error, AnswerTooLarge):
        return "oversized"
    if isinstance(error, AnswerLost):
        return "lost"
    if isinstance(error, ServerUnavailable):
        return "unreachable"
    assert isinstance(error, SecurityRefused | UsageError)
    return "refused"


async def at_once(*works: Callable[[], Awaitable[T]]) -> list[T]:
    """Do several things at once; results in their order."""
    results: dict[int, T] = {}

    async def do(place: int, work: Callable[[], Awaitable[T]]) -> None:
        results[place] = await work()

    async with anyio.create_task_group() as group:
        for place, work in enumerate(works):
            group.start_soon(do, place, work)
    return [results[place] for place in range(len(works))]


async def both(one: Callable[[], Awaitable[T]], other: Callable[[], Awaitable[U]]) -> tuple[T, U]:
    """Do two different things at once."""
    results: list[U] = []

    async def do() -> None:
        results.append(await other())

    async with anyio.create_task_group() as group:
        group.start_soon(do)
        first = await one()
    return first, results[0]


def redirected(exchange: Exchange) -> str | None:
    """Return where an answer sends its reader, absolute but unchecked; None if nowhere."""
    location = exchange.header("location")
    if exchange.status not in REDIRECTS or not location:
        return None
    try:
        return urljoin(exchange.url, location)
    except ValueError:
        return location


def same_origin(foreign: str, url: str) -> bool:
    """Compare an unchecked URL with a checked one; what is no URL has no origin."""
    try:
        return foreign.startswith(("http://", "https://")) and origin(foreign) == origin(url)
    except ValueError:
        return False
