"""Runs flows in blocking code: the same short loop as `aio.py`."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any, TypeVar

from mcp_vacuum.drivers.aio import CodeShower, Person, immediately, note_refusal, somebody, visited
from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.protocol.effects import Authorize, Effect, Flow, HttpRequest, Sleep
from mcp_vacuum.safety.policy import NetworkPolicy

T = TypeVar("T")


class SyncDriver:
    """Does what a flow asks for, under one network policy."""

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

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its result; errors of effects are offered to the flow first."""
        reply: Any = None
        error: Exception | None = None
        transport = SyncTransport(self.policy, self._route)
        with closing(flow):
            try:
                while True:
                    try:
                        effect = flow.throw(error) if error else flow.send(reply)
                    except StopIteration as done:
                        return done.value  # type: ignore[no-any-return]
                    except SecurityRefused as refused:
                        note_refusal(refused)
                        raise
                    try:
                        reply, error = self._perform(effect, transport), None
                    except Exception as caught:  # noqa: BLE001 - the flow may have a plan B
                        reply, error = None, caught
            finally:
                transport.close()

    def _perform(self, effect: Effect, transport: SyncTransport) -> Any:
        if isinstance(effect, HttpRequest):
            return transport.send(effect)
        if isinstance(effect, Authorize):
            return visited(self.policy, somebody(self._person), effect)
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        return immediately(effect, self._show_code)
