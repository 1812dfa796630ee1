"""How far something long is, in lines."""

from __future__ import annotations

from mcp_vacuum.cli.pace import EVERY, Pace


class Played:
    """A pace with a clock of its own, and what it said."""

    def __init__(self, total: int) -> None:
        self.time = 0.0
        self.said: list[str] = []
        self.pace = Pace(total, self.said.append, now=lambda: self.time)

    def done(self, seconds: float) -> None:
        self.time += seconds
        self.pace.done("LAB-00")


def test_what_is_quick_says_nothing() -> None:
    played = Played(100)
    for _ in range(100):
        played.done(EVERY / 200)

    assert played.said == []


def test_a_line_now_and_then_with_the_pace() -> None:
    played = Played(100)
    for _ in range(4):
        played.done(EVERY / 2)

    assert played.said == [
        "2 of 100 done, the rest at this pace in 12 min",
        "4 of 100 done, the rest at this pace in 12 min",
    ]


def test_the_end_is_no_line() -> None:
    played = Played(1)
    played.done(EVERY * 2)

    assert played.said == []
