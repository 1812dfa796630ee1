"""Clocks. Contenders take turns, so that a busy moment of the machine falls on all of them alike.

Each round is in another order: what comes after a large program finds cold caches, and that must not always
be the same one.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

Timed = Callable[[], float]
"""Does the work once and returns what it took, in seconds for one unit of work."""


def taking_turns(contenders: Mapping[str, Timed], rounds: int) -> dict[str, float]:
    """Return the median of `rounds` turns of each contender, after one turn that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    shuffled, order = random.Random(0), list(contenders)
    for turn in range(rounds + 1):
        shuffled.shuffle(order)
        for name in order:
            seconds = contenders[name]()
            if turn:
                taken[name].append(seconds)
    return {name: median(seconds) for name, seconds in taken.items()}


def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Timed:
    """Time a whole process, from its start to its end.

    Raises:
        RuntimeError: When called, if the process fails; its words are in the message.
    """

    def once() -> float:
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        taken = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.decode()[-400:]}")
        return taken

    return once


def repeated(work: Callable[[int], object], times: int) -> Timed:
    """Time `work(times)` and divide by `times`."""

    def once() -> float:
        began = time.perf_counter()
        work(times)
        return (time.perf_counter() - began) / times

    return once
