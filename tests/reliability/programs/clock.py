"""A program whose clock is set while it runs: `clock.py URL WHEN SECONDS [MONOTONIC]`.

WHEN is `before` (the program's first use), `send` (the request of a refresh is about to be sent), `answer`
(its answer has just been read) or `between` (two uses of the login). The wall clock jumps by SECONDS, the
monotonic clock by MONOTONIC. A machine that sleeps is a wall clock that jumps forward while the monotonic
clock of the system stands still or goes on.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.safety.secret import shown
from tests.reliability.programs.login import token_source

REAL = (time.time, time.monotonic)
OFF = [0.0, 0.0]


def jump(wall: float, mono: float) -> None:
    """Set the clocks of this process."""
    OFF[:] = [OFF[0] + wall, OFF[1] + mono]


def jump_in_the_refresh(when: str, wall: float, mono: float) -> None:
    """Set the clocks before the first request is sent, or when its answer has been read."""
    real = SyncTransport.send

    def send(self: SyncTransport, request: Any) -> Any:
        SyncTransport.send = real  # type: ignore[method-assign]
        if when == "send":
            jump(wall, mono)
        answer = real(self, request)
        if when == "answer":
            jump(wall, mono)
        return answer

    SyncTransport.send = send  # type: ignore[method-assign]


def main(url: str, when: str, seconds: str, monotonic: str = "0") -> None:
    """Use the login four times; print what may be shown of the tokens."""
    time.time = lambda: REAL[0]() + OFF[0]
    time.monotonic = lambda: REAL[1]() + OFF[1]
    jumps = (float(seconds), float(monotonic))
    if when == "before":
        jump(*jumps)
    if when in ("send", "answer"):
        jump_in_the_refresh(when, *jumps)
    source = token_source(url)
    tokens = []
    for number in range(4):
        if when == "between" and number == 2:
            jump(*jumps)
        tokens.append(source.headers_blocking("GET", url)["Authorization"].partition(" ")[2])
    print(json.dumps([shown(token) for token in tokens]))


if __name__ == "__main__":
    main(*sys.argv[1:])
