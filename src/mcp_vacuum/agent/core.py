"""What the agent does with a request: pure, so that every case can be tried without a process.

`handle` takes the state, a request and the time, and returns the next state and what is to be done. The
server does it, and tells `opened` how an attempt to unlock ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcp_vacuum.agent.wire import Lock, Request, Status, Stop, Unlock
from mcp_vacuum.errors import VacuumError, VaultLocked
from mcp_vacuum.safety.secret import Secret

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds to wait after a wrong passphrase; doubled with each."""


@dataclass(frozen=True, slots=True)
class State:
    """What the agent knows about itself. Times are monotonic seconds.

    Attributes:
        locked: It has no key and no tokens.
        active_at: When it was last asked for something.
        failures: Attempts to unlock that failed, since the last that did not.
        closed_until: No attempt to unlock is made before this.
        stopping: It has been told to end.
    """

    locked: bool
    active_at: float
    failures: int = 0
    closed_until: float = 0.0
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer the request from the store and its tokens."""

    request: Request


@dataclass(frozen=True, slots=True)
class OpenStore:
    """Open the vault, with what a person told if its key source needs that."""

    told: Secret | None


@dataclass(frozen=True, slots=True)
class CloseStore:
    """Forget the tokens and the key, and mark the vault as locked."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error."""

    error: VacuumError


@dataclass(frozen=True, slots=True)
class End:
    """Answer, then end."""


Effect = Serve | OpenStore | CloseStore | Refuse | End


def handle(state: State, request: Request, now: float) -> tuple[State, Effect]:
    """Decide what a request leads to.

    Args:
        state: How things are.
        request: From a checked peer.
        now: Monotonic seconds.
    """
    if isinstance(request, Status):
        return state, Serve(request)
    state = replace(state, active_at=now)
    if isinstance(request, Stop):
        return replace(state, stopping=True), End()
    if isinstance(request, Lock):
        return replace(state, locked=True), CloseStore()
    if isinstance(request, Unlock):
        if now < state.closed_until:
            return state, Refuse(_too_soon(state.closed_until - now))
        # Closed until this attempt has ended: many at once would not be slowed down by their failures.
        return replace(state, closed_until=now + _delay(state)), OpenStore(request.told)
    if state.locked:
        return state, Refuse(locked_error())
    return state, Serve(request)


def opened(state: State, worked: bool, now: float) -> State:
    """Return the state after an attempt to open the vault."""
    if worked:
        return replace(state, locked=False, failures=0, closed_until=0.0)
    return replace(state, failures=state.failures + 1, closed_until=now + _delay(state))


def _delay(state: State) -> float:
    return min(FIRST_DELAY * 2.0 ** min(state.failures, 10), LONGEST_DELAY)


def should_end(state: State, now: float, idle: float, needed: bool) -> bool:
    """True if the agent has nothing more to do.

    Args:
        state: How things are.
        now: Monotonic seconds.
        idle: Seconds after the last request.
        needed: It holds something that would be lost with it: a token without a refresh token, or a new
            refresh token that could not be stored yet.
    """
    return state.stopping or (not needed and now - state.active_at >= idle)


def locked_error() -> VaultLocked:
    """Return what a locked agent answers."""
    return VaultLocked("the vault is locked", hint="mcp-vacuum agent unlock")


def _too_soon(seconds: float) -> VaultLocked:
    return VaultLocked(
        f"an attempt to unlock failed or is under way; the next can be made in {seconds:.0f} s",
        hint="mcp-vacuum agent unlock",
    )
