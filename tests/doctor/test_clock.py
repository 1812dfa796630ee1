"""The clock."""

from __future__ import annotations

import time

import pytest

from mcp_vacuum.doctor.clock import RELEASED, Clock, check_clock, check_skew, look_at_clock, span

NOW = RELEASED + 86400 * 100


class TestClock:
    def test_this_machine(self) -> None:
        facts = look_at_clock(None)

        assert abs(facts.wall - time.time()) < 60
        assert facts.up is None or facts.up > 0

    def test_right(self) -> None:
        found = check_clock(Clock(NOW, 3600.0, NOW - 5))

        assert (found.verdict, found.what) == ("ok", "2026-04-11 00:00:00 UTC, up for 60 min")

    def test_before_this_program_was_made(self) -> None:
        found = check_clock(Clock(0.0))

        assert found.verdict == "fail"
        assert "1970-01-01" in found.what
        assert "timedatectl" in found.fix

    def test_set_back(self) -> None:
        found = check_clock(Clock(NOW, None, NOW + 7300))

        assert found.verdict == "warn"
        assert "2 h later" in found.what


class TestSkew:
    @pytest.mark.parametrize(
        ("skew", "verdict", "words"),
        [
            (0.5, "ok", "agree"),
            (-59.0, "ok", "agree"),
            (600.0, "warn", "10 min ahead of as.example's"),
            (-7300.0, "warn", "2 h behind as.example's"),
        ],
    )
    def test_verdicts(self, skew: float, verdict: str, words: str) -> None:
        found = check_skew(skew, "as.example")

        assert found is not None
        assert found.verdict == verdict
        assert words in found.what

    def test_no_date(self) -> None:
        assert check_skew(None, "as.example") is None


def test_spans() -> None:
    assert [span(s) for s in (5, 300, 10_000, 500_000)] == ["5 s", "5 min", "3 h", "6 days"]
