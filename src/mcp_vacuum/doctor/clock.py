"""The clock: tokens, proofs and certificates are dated, and a wrong clock makes all of them look wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mcp_vacuum.doctor.finding import Finding, fail, ok, warn
from mcp_vacuum.errors import VacuumError

RELEASED = 1_767_225_600.0
"""2026-01-01: no clock that is right says less."""
TOLERANCE = 60.0
"""Seconds of difference that no server minds."""
FIX = "set the clock: timedatectl set-ntp true"


@dataclass(frozen=True, slots=True)
class Clock:
    """The facts.

    Attributes:
        wall: Unix seconds.
        up: Seconds that this machine is up, sleep included; None where that is not known.
        newest: Unix seconds of the newest thing that was ever written here; None if nothing was.
    """

    wall: float
    up: float | None = None
    newest: float | None = None


def look_at_clock(newest: float | None) -> Clock:
    """Gather the facts."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Clock(time.time(), time.clock_gettime(boot) if boot is not None else None, newest)


def check_clock(facts: Clock) -> Finding:
    """See that the clock can be right: not before this program, and not before what it wrote."""
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(facts.wall))
    if facts.wall < RELEASED:
        return fail("clock", f"it says {told}, before this program was made", fix=FIX, error=VacuumError)
    if facts.newest is not None and facts.newest > facts.wall + TOLERANCE:
        return warn(
            "clock",
            f"it says {told}, but the vault was written {span(facts.newest - facts.wall)} later",
            "it was set back, or it was ahead when the vault was written",
            FIX,
        )
    up = f", up for {span(facts.up)}" if facts.up is not None else ""
    return ok("clock", f"{told}{up}")


def check_skew(skew: float | None, host: str) -> Finding | None:
    """Compare with the `Date` of a server's answer; None where it gave none.

    Args:
        skew: Seconds that this clock is ahead.
        host: Whose clock the other one is.
    """
    if skew is None:
        return None
    if abs(skew) < TOLERANCE:
        return ok("skew", f"this clock and {host}'s agree")
    way = "ahead of" if skew > 0 else "behind"
    return warn(
        "skew",
        f"this clock is {span(abs(skew))} {way} {host}'s",
        "one of them is wrong: assertions and DPoP proofs are refused, tokens seem to end at another time",
        FIX,
    )


def span(seconds: float) -> str:
    """Say how long, roughly."""
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
