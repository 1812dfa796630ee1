"""Which event loop runs what a login needs, and who notices that nobody waits any more."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import Future

import pytest

from mcp_vacuum.errors import UsageError
from mcp_vacuum.integrations.waiting import Abandoned, Waiting

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


async def in_a_thread(work: object, *arguments: object) -> object:
    return await asyncio.to_thread(work, *arguments)  # type: ignore[arg-type]


def test_work_runs_in_the_loop_and_the_context_of_a_waiting_request() -> None:
    waiting = Waiting()

    async def work() -> tuple[str, object]:
        return WHO.get(), asyncio.get_running_loop()

    async def run() -> bool:
        WHO.set("ada")
        with waiting.here():
            WHO.set("somebody else")
            return await in_a_thread(waiting.ask, work) == ("ada", asyncio.get_running_loop())

    assert asyncio.run(run())


def test_without_a_waiting_request_nobody_is_asked_but_things_are_kept() -> None:
    async def work() -> str:
        return "kept"

    with pytest.raises(Abandoned):
        Waiting().ask(work)
    assert Waiting().store(work) == "kept"


def test_work_is_cancelled_when_the_last_request_goes() -> None:
    waiting, ends = Waiting(), list[str]()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def run() -> None:
        with waiting.here():
            asked = asyncio.create_task(in_a_thread(waiting.ask, work))
            await asyncio.sleep(0.1)
        with pytest.raises(Abandoned):
            await asked

    asyncio.run(run())
    assert ends == ["cancelled"]


def test_a_request_that_comes_soon_keeps_it_going() -> None:
    waiting = Waiting()

    async def work() -> str:
        await asyncio.sleep(0.6)
        return "the same answer"

    async def run() -> object:
        with waiting.here():
            asked = asyncio.create_task(in_a_thread(waiting.ask, work))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        with waiting.here():
            return await asked

    assert asyncio.run(run()) == "the same answer"


def test_when_a_loop_ends_the_work_goes_on_in_another() -> None:
    waiting, loops, arrived = Waiting(), list[object](), threading.Event()

    async def work() -> str:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(30 if len(loops) == 1 else 0)
        return "asked again"

    async def short() -> None:
        with waiting.here():
            arrived.set()
            await asyncio.sleep(0.5)

    async def run() -> object:
        thread = threading.Thread(target=lambda: asyncio.run(short()))
        thread.start()
        await in_a_thread(arrived.wait)
        with waiting.here():
            answer = await in_a_thread(waiting.ask, work)
        thread.join()
        return answer

    assert asyncio.run(run()) == "asked again"
    assert len(set(loops)) == 2


def test_an_error_of_the_work_is_the_answer() -> None:
    waiting = Waiting()

    async def work() -> None:
        raise TimeoutError("the caller's own")

    async def run() -> None:
        with waiting.here():
            await in_a_thread(waiting.ask, work)

    with pytest.raises(TimeoutError, match="the caller's own"):
        asyncio.run(run())


def test_a_future_that_nobody_waits_for_is_left() -> None:
    future: Future[None] = Future()
    with pytest.raises(Abandoned):
        Waiting().watch(future)

    assert future.cancelled()


def test_only_asyncio_is_served() -> None:
    with pytest.raises(UsageError), Waiting().here():
        pass
