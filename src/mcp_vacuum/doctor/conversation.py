"""What a server says when it is asked how to log in: `discover` itself, listened to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.protocol.discovery import Discovery, NotRequired, Probe, probe_server
from mcp_vacuum.protocol.documents import (
    AuthorizationServerMetadata,
    Document,
    ProtectedResourceMetadata,
    read_document,
)
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse
from mcp_vacuum.protocol.flows import discover
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.policy import NetworkPolicy

T = TypeVar("T")
D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and its answer or what came instead."""

    request: HttpRequest
    response: HttpResponse | None
    error: Exception | None = None

    @property
    def outcome(self) -> str:
        """The status, or that there was no answer."""
        return str(self.response.status) if self.response else "no answer"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which the server is asked, as the stored login was.

    Attributes:
        resource: The resource identifier that the person insists on.
        quirks: Named deviations to tolerate.
        legacy: The 2025-03-26 shape is taken.
    """

    resource: str | None = None
    quirks: tuple[str, ...] = ()
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The facts.

    Attributes:
        url: The server.
        terms: Under which it was asked.
        probe: How it greets a request without a token; None if it does not answer.
        found: What discovery made of it; None if it ended in `error`.
        error: Why there is no `found`, in the words that a login would end with.
        exchanges: Everything that was sent, in order.
        greetings: So many of them belong to `probe`.
    """

    url: str
    terms: Terms = Terms()
    probe: Probe | None = None
    found: Discovery | NotRequired | None = None
    error: VacuumError | None = None
    exchanges: tuple[Exchange, ...] = ()
    greetings: int = 0

    @property
    def skew(self) -> float | None:
        """Seconds that this clock is ahead of the server's; None if it gave no date."""
        dated = (skew_of(each.response) for each in self.exchanges if each.response)
        return next((skew for skew in dated if skew is not None), None)

    @property
    def resource_metadata(self) -> ProtectedResourceMetadata | None:
        """The protected resource metadata, whatever discovery thought of it."""
        return next((found for _, found in self._resource_documents()), None)

    @property
    def resource_exchanges(self) -> tuple[Exchange, ...]:
        """What was asked for the protected resource metadata."""
        asked = self.exchanges[self.greetings :]
        end = next((index for index, _ in self._resource_documents()), None)
        if end is None:
            return tuple(each for each in asked if "oauth-authorization-server" not in each.request.url)
        return asked[: end + 1]

    @property
    def server_exchanges(self) -> tuple[Exchange, ...]:
        """What was asked for the authorization server's metadata."""
        asked = self.exchanges[self.greetings :]
        return tuple(each for each in asked if each not in self.resource_exchanges)

    @property
    def server_metadata(self) -> AuthorizationServerMetadata | None:
        """The authorization server's metadata, whatever discovery thought of it."""
        documents = (_document(AuthorizationServerMetadata, each) for each in self.server_exchanges)
        return next((found for found in documents if found), None)

    def _resource_documents(self) -> Iterator[tuple[int, ProtectedResourceMetadata]]:
        for index, each in enumerate(self.exchanges[self.greetings :]):
            if found := _document(ProtectedResourceMetadata, each):
                yield index, found


def converse(url: str, policy: NetworkPolicy, terms: Terms) -> Conversation:
    """Gather the facts: the questions of a login, up to where it would register."""
    heard: list[Exchange] = []
    driver = SyncDriver(policy)
    try:
        probe = driver.run(overheard(probe_server(url), heard))
    except VacuumError as error:
        return Conversation(url, terms, error=error, exchanges=tuple(heard), greetings=len(heard))
    greetings = len(heard)
    flow = discover(url, greeting=probe, resource=terms.resource, quirks=terms.quirks, legacy=terms.legacy)
    try:
        found = driver.run(overheard(flow, heard))
    except VacuumError as error:
        return Conversation(url, terms, probe, None, error, tuple(heard), greetings)
    return Conversation(url, terms, probe, found, None, tuple(heard), greetings)


def overheard(flow: Flow[T], heard: list[Exchange]) -> Flow[T]:
    """Pass on what a flow asks for, and note each request with its answer."""
    reply: Any = None
    error: Exception | None = None
    while True:
        try:
            effect = flow.throw(error) if error else flow.send(reply)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        try:
            reply, error = (yield effect), None
        except Exception as caught:  # noqa: BLE001 - the flow may have a plan B
            reply, error = None, caught
        if isinstance(effect, HttpRequest):
            heard.append(Exchange(effect, reply, error))


def skew_of(response: HttpResponse) -> float | None:
    """Return how many seconds our clock was ahead of the `Date` of an answer (RFC 9110 §6.6.1)."""
    try:
        date = parsedate_to_datetime(response.header("date") or "").timestamp()
    except ValueError:
        return None
    age = response.header("age") or ""
    return response.received_at - date - (int(age) if age.isdecimal() and len(age) < 10 else 0)


def _document(model: type[D], exchange: Exchange) -> D | None:
    if exchange.response is None or exchange.response.status != 200:
        return None
    try:
        return read_document(model, exchange.response.body)
    except NotADocument:
        return None
