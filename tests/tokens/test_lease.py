"""One piece of work at a time for each key, whoever asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from mcp_vacuum.tokens.lease import SingleFlight, landed
from tests.helpers import wait_for

WAIT = 10.0


class Work:
    """Counts its runs and ends when it is let go."""

    def __init__(self) -> None:
        self.runs = 0
        self.go = threading.Event()

    def __call__(self) -> int:
        self.runs += 1
        assert self.go.wait(WAIT)
        return self.runs


class TestJoin:
    def test_whoever_joins_shares_one_flight(self) -> None:
        flights, work = SingleFlight(), Work()
        joined = [flights.join("a", work) for _ in range(5)]
        work.go.set()

        assert [flight.result(WAIT) for flight in joined] == [1] * 5
        assert work.runs == 1

    def test_a_new_flight_starts_after_the_landing(self) -> None:
        flights, work = SingleFlight(), Work()
        work.go.set()

        assert [flights.join("a", work).result(WAIT), flights.join("a", work).result(WAIT)] == [1, 2]

    def test_another_key_does_not_wait(self) -> None:
        flights, slow, quick = SingleFlight(), Work(), Work()
        waiting = flights.join("slow", slow)
        quick.go.set()

        assert flights.join("quick", quick).result(WAIT) == 1
        assert not waiting.done()
        slow.go.set()
        waiting.result(WAIT)

    def test_an_error_reaches_everybody_and_does_not_stay(self) -> None:
        flights, go = SingleFlight(), threading.Event()

        def fail() -> int:
            assert go.wait(WAIT)
            raise ZeroDivisionError

        joined = [flights.join("a", fail) for _ in range(3)]
        go.set()

        assert [type(flight.exception(WAIT)) for flight in joined] == [ZeroDivisionError] * 3
        assert flights.join("a", lambda: 7).result(WAIT) == 7

    def test_of_64_threads_one_does_the_work(self) -> None:
        flights, work = SingleFlight(), Work()
        barrier = threading.Barrier(64)
        results: list[int] = []

        def ask() -> None:
            barrier.wait(WAIT)
            results.append(flights.join("a", work).result(WAIT))

        threads = [threading.Thread(target=ask) for _ in range(64)]
        for thread in threads:
            thread.start()
        wait_for(lambda: work.runs == 1, "the work has begun")
        time.sleep(0.05)
        work.go.set()
        for thread in threads:
            thread.join(WAIT)

        assert results == [1] * 64


class TestLanded:
    def test_a_cancelled_waiter_leaves_the_others_alone(self) -> None:
        flights, work = SingleFlight(), Work()

        async def both() -> tuple[bool, int, int]:
            gives_up = asyncio.create_task(landed(flights.join("a", work)))
            stays = asyncio.create_task(landed(flights.join("a", work)))
            await asyncio.sleep(0.02)
            gives_up.cancel()
            await asyncio.wait([gives_up])
            late = asyncio.create_task(landed(flights.join("a", work)))
            await asyncio.sleep(0)
            work.go.set()
            return gives_up.cancelled(), await stays, await late

        assert asyncio.run(both()) == (True, 1, 1)

    def test_if_everybody_gives_up_the_work_is_still_finished(self) -> None:
        flights, work = SingleFlight(), Work()
        flight: list[Future[int]] = []

        async def give_up() -> None:
            flight.append(flights.join("a", work))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(landed(flight[0]), 0.02)

        asyncio.run(give_up())
        work.go.set()

        assert flight[0].result(WAIT) == 1

    def test_two_event_loops_share_one_flight(self) -> None:
        flights, work = SingleFlight(), Work()
        results: list[int] = []

        async def ask() -> int:
            return await landed(flights.join("a", work))

        threads = [threading.Thread(target=lambda: results.append(asyncio.run(ask()))) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: work.runs == 1, "the work has begun")
        time.sleep(0.1)
        work.go.set()
        for thread in threads:
            thread.join(WAIT)

        assert results == [1] * 4

    def test_an_error_is_raised_where_it_is_awaited(self) -> None:
        def fail() -> int:
            raise ZeroDivisionError

        async def ask() -> int:
            return await landed(SingleFlight().join("a", fail))

        with pytest.raises(ZeroDivisionError):
            asyncio.run(ask())


FORKS = """
import os, sys, threading
from mcp_vacuum.tokens.lease import FLIGHTS
go = threading.Event()
parents = FLIGHTS.join("a", lambda: go.wait(20) and "parent")
FLIGHTS._lock.acquire()  # as another thread may hold it at the moment of the fork
child = os.fork()
if child == 0:
    os._exit(0 if FLIGHTS.join("a", lambda: "child").result(10) == "child" else 3)
FLIGHTS._lock.release()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
go.set()
sys.exit(status or parents.result(10) != "parent")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_forked_child_has_flights_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, timeout=40, check=False)

    assert done.returncode == 0, done.stderr
