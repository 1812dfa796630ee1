"""Runs flows in blocking code: the same short loop as `aio.py`."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any, TypeVar

from mcp_vacuum.drivers.aio import Driver, Ended, advance, immediately, somebody, visited
from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.protocol.effects import Authorize, Effect, Flow, HttpRequest, Sleep

T = TypeVar("T")


class SyncDriver(Driver):
    """Runs flows where effects block."""

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its result; errors of effects are offered to the flow first."""
        reply, error = None, None
        transport = SyncTransport(self.policy, self._route)
        with closing(flow):
            try:
                while not isinstance(step := advance(flow, reply, error), Ended):
                    try:
                        reply, error = self._perform(step, transport), None
                    except Exception as caught:  # noqa: BLE001 - the flow may have a plan B
                        reply, error = None, caught
                return step.result
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
