"""The requests that wait for a login or a refresh, and the event loops that they wait in.

A login runs in a thread; the handlers and storages of a program are `async` and belong to its event loops.
Here the thread finds a loop in which somebody waits, and learns when nobody does any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp_vacuum.errors import LoginDeclined, UsageError

T = TypeVar("T")

GRACE = 0.5
"""Seconds for which a login goes on after its last waiting request was cancelled."""
_GLANCE = 0.1


class Abandoned(LoginDeclined):
    """Every request that waited for the person was cancelled."""

    def __init__(self) -> None:
        super().__init__("every request that needed the login was cancelled", hint="send a request again")


@dataclass(frozen=True, eq=False, slots=True)
class _Place:
    """One waiting request: its event loop and its context variables."""

    loop: asyncio.AbstractEventLoop
    context: contextvars.Context

    def start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        # run_coroutine_threadsafe() takes over the context that it is called in.
        coroutine = work()
        try:
            return self.context.copy().run(asyncio.run_coroutine_threadsafe, coroutine, self.loop)
        except RuntimeError:  # the loop was closed a moment ago
            coroutine.close()
            gone: Future[T] = Future()
            gone.cancel()
            return gone


class Waiting:
    """Requests of one provider that wait. Safe for threads; several event loops may wait at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: list[_Place] = []
        self._empty_since = time.monotonic()

    @contextmanager
    def here(self) -> Iterator[None]:
        """Count the calling task as waiting.

        Raises:
            UsageError: It runs in no asyncio event loop.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError("this provider works in asyncio event loops only, as its handlers do") from None
        place = _Place(loop, contextvars.copy_context())
        with self._lock:
            self._places.append(place)
        try:
            yield
        finally:
            with self._lock:
                self._places.remove(place)
                self._empty_since = time.monotonic()

    @property
    def abandoned(self) -> bool:
        """Nobody has waited for more than `GRACE` seconds."""
        with self._lock:
            return not self._places and time.monotonic() - self._empty_since > GRACE

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` in the loop of a waiting request and return its result; blocks.

        If that loop ends, `work` is begun anew in another one.

        Raises:
            Abandoned: Nobody waits any more; `work` was cancelled.
        """
        tried: list[asyncio.AbstractEventLoop] = []
        while True:
            place = self._first(tried)
            if place is None:
                raise Abandoned
            tried.append(place.loop)
            try:
                return self.watch(place.start(work), place.loop)
            except CancelledError:
                continue  # its loop has ended, and took the task along

    def watch(self, future: Future[T], loop: asyncio.AbstractEventLoop | None = None) -> T:
        """Return a future's result as long as somebody waits for it.

        Raises:
            Abandoned: Nobody waits any more; the future was cancelled.
            CancelledError: The loop in which it ran has ended.
        """
        while not wait_for([future], _GLANCE).done:
            if self.abandoned:
                future.cancel()
                raise Abandoned
            if loop is not None and not loop.is_running():
                raise CancelledError
        return future.result()

    def store(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` for a storage and return its result; blocks.

        It runs in the loop of a waiting request or, where nobody waits any more, in one of its own: what a
        refresh brought is kept although the request that asked for it was cancelled.
        """
        tried: list[asyncio.AbstractEventLoop] = []
        while (place := self._first(tried)) is not None:
            tried.append(place.loop)
            future = place.start(work)
            while not wait_for([future], _GLANCE).done:
                if not place.loop.is_running():
                    future.cancel()
            if not future.cancelled():
                return future.result()
        return asyncio.run(work())

    def _first(self, tried: list[asyncio.AbstractEventLoop]) -> _Place | None:
        with self._lock:
            usable = (p for p in self._places if p.loop.is_running() and p.loop not in tried)
            return next(usable, None)
