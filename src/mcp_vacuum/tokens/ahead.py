"""Refreshing ahead of time, so that nobody waits: each token that was used is renewed once before its end.

A token that nobody asked for is left to end: an idle program sends nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mcp_vacuum.errors import VacuumError
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.tokens.policy import MIN_VALIDITY
from mcp_vacuum.tokens.source import LoginTokens

RETRY = 30.0
"""Seconds until a failed refresh is tried again; the token is still good."""
_TICK = 1.0


def seconds_before_end(held: Held, jitter: float) -> float:
    """Return how many seconds before its end a token is refreshed.

    Always before the moment at which it would no longer be good enough; earlier by a tenth to a fifth of its
    life, so that many programs do not refresh at once.

    Args:
        held: The token.
        jitter: 0 to 1.
    """
    lifetime = held.token.expires_in
    return min(MIN_VALIDITY, lifetime / 4) + lifetime * (0.1 + 0.1 * jitter)


@dataclass(slots=True)
class _Used:
    tokens: LoginTokens
    generation: int
    margin: float
    not_before: float = 0.0


class RefreshAhead:
    """Knows which tokens were used, and which of them near their end. Not safe for several threads."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        """Take what spreads the refreshes."""
        self._jitter = jitter
        self._used: dict[Place, _Used] = {}

    def used(self, tokens: LoginTokens) -> None:
        """Note that the token in memory was handed out."""
        held = ACCESS_TOKENS.get(tokens.place)
        known = self._used.get(tokens.place)
        if held is None or (known is not None and known.generation == held.generation):
            return
        self._used[tokens.place] = _Used(tokens, held.generation, seconds_before_end(held, self._jitter()))

    def due(self) -> list[LoginTokens]:
        """Return the logins to refresh now; one whose refresh fails is returned again after `RETRY`."""
        return [used.tokens for place, used in list(self._used.items()) if self._is_due(place, used)]

    def _is_due(self, place: Place, used: _Used) -> bool:
        held = ACCESS_TOKENS.get(place)
        if held is None or held.generation != used.generation or held.left() <= 0:
            del self._used[place]
            return False
        now = time.monotonic()
        if held.left() >= used.margin or now < used.not_before:
            return False
        used.not_before = now + RETRY
        return True


def refresh_now(tokens: LoginTokens) -> None:
    """Replace a token that is still good; blocks. Failing is no harm: it goes on being used."""
    held = ACCESS_TOKENS.get(tokens.place)
    with suppress(VacuumError):
        tokens.obtain(rejected=held.generation if held else None)


async def refresh_soon(tokens: LoginTokens) -> None:
    """Like `refresh_now`, for an event loop: a slow server takes none of its worker threads."""
    held = ACCESS_TOKENS.get(tokens.place)
    with suppress(VacuumError):
        await tokens.obtain_async(rejected=held.generation if held else None)


@contextmanager
def refreshed_ahead(*sources: LoginTokens) -> Iterator[None]:
    """Refresh the tokens of a long-running program ahead of time, in a thread of its own.

    Args:
        sources: What `token_source()` gave; each is treated as in use for as long as the block runs.
    """
    ended = threading.Event()

    def watch() -> None:
        ahead = RefreshAhead()
        while not ended.wait(_TICK):
            for source in sources:
                ahead.used(source)
            for tokens in ahead.due():
                refresh_now(tokens)

    watcher = threading.Thread(target=watch, name="mcp-vacuum refresh ahead", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
