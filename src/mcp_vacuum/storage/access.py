"""Access tokens: in this process's memory, shared by its threads and managers, and nowhere else."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_vacuum.models import Credential, OAuth2Token

if TYPE_CHECKING:
    from mcp_vacuum.protocol.proof import Prover

Place = tuple[str, str, str]
"""Location of the store, server, account."""


def _monotonic() -> float:
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Held:
    """A token in memory, dated by two clocks.

    Attributes:
        token: As granted.
        generation: The record's generation that it belongs to.
        mono: Monotonic seconds at its arrival. Together with `token.created_at` it tells the age: a clock
            that was set, or a machine that slept, fools one of the two but not both.
        unsaved: The record that could not be written after a refresh; it holds the only living refresh
            token, so it is written at the next occasion.
        prover: Signs proofs for a DPoP-bound token; None for a Bearer token.
    """

    token: OAuth2Token
    generation: int
    mono: float = field(default_factory=_monotonic)
    unsaved: Credential | None = None
    prover: Prover | None = None

    def left(self, wall: float | None = None, mono: float | None = None) -> float:
        """Seconds of life that are surely left."""
        aged_by_wall = (time.time() if wall is None else wall) - self.token.created_at
        aged_by_mono = (time.monotonic() if mono is None else mono) - self.mono
        # On the path of every request: max() alone would be a tenth of its cost.
        return self.token.expires_in - (aged_by_wall if aged_by_wall > aged_by_mono else aged_by_mono)


class AccessTokens:
    """The process's access tokens, by store, server and account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Place, Held] = {}

    def get(self, place: Place) -> Held | None:
        """Return what is held, good or not. One dictionary look-up, no lock."""
        return self._held.get(place)

    def put(self, place: Place, held: Held) -> None:
        """Hold a token. Callers have the lease of its record: the last one to write it is the newest."""
        with self._lock:
            self._held[place] = held

    def forget(self, place: Place) -> None:
        """Drop a token."""
        with self._lock:
            self._held.pop(place, None)

    def places(self) -> list[Place]:
        """Return the places of all tokens, good or not."""
        with self._lock:
            return list(self._held)

    def renew_lock(self) -> None:
        """After a fork: the lock may have been held by a thread that does not exist here."""
        self._lock = threading.Lock()


ACCESS_TOKENS = AccessTokens()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ACCESS_TOKENS.renew_lock)
