"""A clock that moves when it is told to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


class Clock:
    """Wall and monotonic time under a test's control; both move together unless told otherwise."""

    def __init__(self, wall: float | None = None) -> None:
        """Begin at Unix time `wall`, or now."""
        self.wall = time.time() if wall is None else wall
        self.mono = 10_000.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.mono += seconds

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: the wall clock goes on, the monotonic clock of some systems does not."""
        self.wall += seconds

    def set_back(self, seconds: float) -> None:
        """Set the wall clock back; the monotonic clock does not notice."""
        self.wall -= seconds

    @contextmanager
    def installed(self) -> Iterator[Clock]:
        """Stand in for `time.time` and `time.monotonic` in this process."""
        with patch("time.time", lambda: self.wall), patch("time.monotonic", lambda: self.mono):
            yield self
