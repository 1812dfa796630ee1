"""How far something long is, in lines: for pipes, logs and terminals in which nothing may move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mcp_vacuum.cli.ui import duration

EVERY = 15.0
"""Seconds between two lines, at least."""


class Pace:
    """Counts what is done, from any thread, and says it now and then."""

    def __init__(
        self, total: int, say: Callable[[str], None], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Args:
            total: How many there are.
            say: Takes a line.
            now: Seconds of a clock that never goes back.
        """
        self._total, self._say, self._now = total, say, now
        self._began = self._said = now()
        self._done = 0
        self._lock = threading.Lock()

    def done(self, _: str) -> None:
        """Count one more."""
        with self._lock:
            self._done += 1
            left, now = self._total - self._done, self._now()
            if not left or now - self._said < EVERY:
                return
            self._said = now
            rest = duration((now - self._began) / self._done * left)
            self._say(f"{self._done} of {self._total} done, the rest at this pace {rest}")
