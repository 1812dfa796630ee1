"""What arrived, in the order in which it arrived."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

ServerName = Literal["authorization", "mcp"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request, secrets included: a lab has none worth keeping.

    `at` is Unix time in seconds when the request had been read. `headers` has lower-case names,
    repeated ones joined by a comma. `status` is 0 while no answer was sent, and
    stays 0 if the connection was reset instead.
    """

    at: float
    server: ServerName
    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    form: Mapping[str, tuple[str, ...]]
    json: object | None
    status: int = 0


class Recorder:
    """Keeps every request to both servers; safe to read while they run.

    A request is there before the lab acts on it and its status before the
    answer is sent, so whoever has an answer finds both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._entries: dict[int, Recorded] = {}

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """All of them, oldest first."""
        with self._lock:
            return tuple(self._entries.values())

    def to(self, path: str) -> tuple[Recorded, ...]:
        """Those whose path ends so, oldest first."""
        return tuple(request for request in self.requests if request.path.endswith(path))

    def clear(self) -> None:
        """Forget all requests, also those being answered."""
        with self._lock:
            self._entries.clear()

    def begin(self, request: Recorded) -> int:
        """Keep a request that has just arrived; returns its number for `finish`."""
        with self._lock:
            number = next(self._numbers)
            self._entries[number] = request
            return number

    def finish(self, number: int, status: int) -> None:
        """Note the answer's status. A request forgotten meanwhile stays forgotten."""
        with self._lock:
            if number in self._entries:
                self._entries[number] = replace(self._entries[number], status=status)
