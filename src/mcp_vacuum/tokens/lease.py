"""Single flight: one piece of work at a time for each login, whoever in this process asks for it.

Tasks, threads, event loops and managers share it. The work runs in a thread of its own, so a cancelled
task ends its own waiting and nothing else. Between processes the store's lease does the same.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio.to_thread

T = TypeVar("T")


class SingleFlight:
    """Work in progress, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Future[Any]] = {}

    def join(self, key: Hashable, work: Callable[[], T]) -> Future[T]:
        """Return the flight of `key`, starting `work` in a new thread if there is none.

        The thread is no daemon: a program that ends waits for a refresh that is under way.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight
            flight = Future()
            flight.set_running_or_notify_cancel()
            self._flights[key] = flight
        threading.Thread(target=self._fly, args=(key, flight, work), name="mcp-vacuum refresh").start()
        return flight

    def _fly(self, key: Hashable, flight: Future[T], work: Callable[[], T]) -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - every waiter gets it
            error = caught
        with self._lock:
            self._flights.pop(key, None)
        if error is not None:
            flight.set_exception(error)
        else:
            flight.set_result(result)  # type: ignore[arg-type]

    def forget_all(self) -> None:
        """After a fork: the threads of the flights exist in the parent only."""
        self._lock = threading.Lock()
        self._flights = {}


FLIGHTS = SingleFlight()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FLIGHTS.forget_all)


async def landed(flight: Future[T]) -> T:
    """Wait for a flight in any event loop; cancelling the wait leaves the flight alone."""
    if _on_asyncio():
        return await asyncio.wrap_future(flight)
    return await anyio.to_thread.run_sync(flight.result, abandon_on_cancel=True)


def _on_asyncio() -> bool:
    """The asyncio loop is running in this thread, and not as a guest of another one."""
    return "trio" not in sys.modules or asyncio._get_running_loop() is not None
