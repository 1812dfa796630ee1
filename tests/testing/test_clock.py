from __future__ import annotations

import time

import pytest

from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.testing.clock import Clock


class TestClock:
    def test_it_moves_when_it_is_told_to(self) -> None:
        clock = Clock(1_000.0)
        wall, mono = clock.wall, clock.mono
        clock.advance(5)

        assert (clock.wall - wall, clock.mono - mono) == (5, 5)

    def test_a_sleeping_machine_moves_the_wall_clock_only(self) -> None:
        clock = Clock(1_000.0)
        mono = clock.mono
        clock.sleep(3600)

        assert (clock.wall, clock.mono) == (4_600.0, mono)

    def test_the_wall_clock_may_be_set_back(self) -> None:
        clock = Clock(1_000.0)
        mono = clock.mono
        clock.set_back(60)

        assert (clock.wall, clock.mono) == (940.0, mono)

    def test_it_begins_now_unless_told_otherwise(self) -> None:
        assert abs(Clock().wall - time.time()) < 5

    def test_installed_it_is_the_time_of_this_process(self) -> None:
        clock = Clock(1_000.0)
        with clock.installed() as installed:
            assert installed is clock
            token = OAuth2Token("t", expires_in=100, created_at=time.time())
            assert (time.time(), time.monotonic()) == (1_000.0, clock.mono)
            assert not token.is_expired
            clock.advance(41)
            assert time.time() == 1_041.0
            assert token.is_expired

    def test_afterwards_time_is_what_it_was(self) -> None:
        before = (time.time, time.monotonic)
        with pytest.raises(RuntimeError), Clock(1.0).installed():
            raise RuntimeError

        assert (time.time, time.monotonic) == before
