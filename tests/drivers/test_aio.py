from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest

from mcp_vacuum.drivers.aio import AsyncDriver, Person
from mcp_vacuum.protocol.effects import Authorize, Flow, HttpRequest, ask, send
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import EndpointUrl

from .conftest import WORLDS
from .contract import VISIT, Agreeing, DriverContract
from .wire import dripping, serving


class TestAsyncDriver(DriverContract):
    @pytest.fixture(params=[world for world in WORLDS if world != "sync"], autouse=True)
    def _on_each_backend(self, request: pytest.FixtureRequest) -> None:
        self.backend: str = request.param

    def run(self, flow: Flow[Any], person: Person | None = None) -> Any:
        return anyio.run(AsyncDriver(NetworkPolicy("127.0.0.1"), person).run, flow, backend=self.backend)

    def test_while_a_person_thinks_other_tasks_go_on(self) -> None:
        answered = threading.Event()

        def thinking(visit: Authorize) -> str:
            assert answered.wait(3)
            return visit.redirect_uri

        async def main() -> None:
            driver = AsyncDriver(NetworkPolicy("127.0.0.1"), Agreeing(thinking))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(driver.run, ask(VISIT))
                await anyio.sleep(0.02)
                answered.set()

        anyio.run(main, backend=self.backend)
        assert answered.is_set()

    def test_a_cancelled_visit_does_not_wait_for_the_person(self) -> None:
        gone = threading.Event()

        async def main() -> float:
            driver = AsyncDriver(NetworkPolicy("127.0.0.1"), Agreeing(lambda visit: str(gone.wait(3))))
            started = time.monotonic()
            with anyio.move_on_after(0.05):
                await driver.run(ask(VISIT))
            took = time.monotonic() - started
            gone.set()
            return took

        assert anyio.run(main, backend=self.backend) < 1

    def test_a_cancelled_request_closes_the_flow_and_the_connection(self) -> None:
        ended: list[str] = []

        def flow(port: int) -> Flow[None]:
            try:
                yield from send(HttpRequest("GET", EndpointUrl(f"http://127.0.0.1:{port}/"), timeout=5))
            finally:
                ended.append("cleaned up")

        async def main(port: int) -> None:
            with anyio.move_on_after(0.1):
                await AsyncDriver(NetworkPolicy("127.0.0.1")).run(flow(port))

        with serving(dripping(b"HTTP/1.1 200 OK\r\n")) as wire:
            anyio.run(main, wire.port, backend=self.backend)

        assert ended == ["cleaned up"]
