"""Runs flows in async code. Knows sockets and people, not OAuth."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.transport import AsyncTransport, admit_visit
from mcp_vacuum.errors import LoginDeclined, SecurityRefused
from mcp_vacuum.protocol.effects import Authorize, Effect, Flow, HttpRequest, Moment, ShowCode, Sleep
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import printable

_LOG = logging.getLogger("mcp_vacuum")
T = TypeVar("T")


class Person(Protocol):
    """Somebody who can visit an authorization URL."""

    def visit(self, authorize: Authorize) -> str:
        """Have `authorize.url` visited; block until a redirect URL comes that `authorize.accepts`.

        Raises:
            LoginDeclined: Nobody answered in time.
        """
        ...


CodeShower = Callable[[ShowCode], None]
"""Shows a person a code that is to be entered on another device."""


class Driver:
    """Who does what flows ask for, under one network policy."""

    def __init__(
        self,
        policy: NetworkPolicy,
        person: Person | None = None,
        show_code: CodeShower | None = None,
        *,
        route: Route | None = None,
    ) -> None:
        """Without a `person` or `show_code` a flow that asks for one ends with `LoginDeclined`.

        Without a `route` the environment decides at each request which way it goes.
        """
        self.policy = policy
        self._person = person
        self._show_code = show_code
        self._route = route


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """A flow that asks for nothing more."""

    result: T


def advance(flow: Flow[T], reply: Any = None, error: Exception | None = None) -> Effect | Ended[T]:
    """Let a flow go on with the reply to its last effect, or with its error; return what it asks for next.

    Raises:
        Exception: What the flow makes of it; a refusal is logged.
    """
    try:
        return flow.throw(error) if error else flow.send(reply)
    except StopIteration as done:
        return Ended(done.value)
    except SecurityRefused as refused:
        note_refusal(refused)
        raise


class AsyncDriver(Driver):
    """Runs flows where effects are awaited."""

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its result; errors of effects are offered to the flow first."""
        reply, error = None, None
        transport = AsyncTransport(self.policy, self._route)
        with closing(flow):
            try:
                while not isinstance(step := advance(flow, reply, error), Ended):
                    try:
                        reply, error = await self._perform(step, transport), None
                    except Exception as caught:  # noqa: BLE001 - the flow may have a plan B
                        reply, error = None, caught
                return step.result
            finally:
                with anyio.CancelScope(shield=True):
                    await transport.aclose()

    async def _perform(self, effect: Effect, transport: AsyncTransport) -> Any:
        if isinstance(effect, HttpRequest):
            return await transport.send(effect)
        if isinstance(effect, Authorize):
            person = somebody(self._person)
            return await anyio.to_thread.run_sync(
                visited, self.policy, person, effect, abandon_on_cancel=True
            )
        if isinstance(effect, Sleep):
            return await anyio.sleep(effect.seconds)
        return immediately(effect, self._show_code)


def immediately(effect: ShowCode | Moment, show_code: CodeShower | None) -> Any:
    """Perform an effect that waits for nothing."""
    if isinstance(effect, ShowCode):
        return somebody(show_code)(effect)
    return time.time(), secrets.token_urlsafe(16)


def visited(policy: NetworkPolicy, person: Person, authorize: Authorize) -> str:
    """Have a person visit a URL that the policy admits; blocks."""
    admit_visit(policy, authorize.url)
    return person.visit(authorize)


def note_refusal(refused: SecurityRefused) -> None:
    """Log what was refused, for programs that keep logs (MCP security best practices, URL validation)."""
    where = f" at {printable(refused.url)}" if refused.url else ""
    _LOG.info("refused: %s (%s)%s", refused.message, refused.spec, where)


def somebody(person: T | None) -> T:
    """Return who was given, or say that there is nobody."""
    if person is None:
        raise LoginDeclined("this program asks nobody to log in", hint="mcp-vacuum login URL")
    return person
