"""What both drivers promise: the same short loop, written twice."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.errors import LoginDeclined, SecurityRefused, ServerUnavailable
from mcp_vacuum.protocol.effects import Authorize, Flow, HttpRequest, ask, pause, send
from mcp_vacuum.safety.url import BrowserUrl, EndpointUrl, check_endpoint

from .wire import OK, saying, serving

CALLBACK = "http://127.0.0.1:1/callback"
VISIT = Authorize(BrowserUrl("https://as.example/"), CALLBACK, bool)
NOWHERE = HttpRequest("GET", EndpointUrl("http://127.0.0.1:9/"), timeout=1.0)
"""The discard port: nobody listens there."""


class Agreeing:
    def __init__(self, answer: Callable[[Authorize], str]) -> None:
        self.answer = answer

    def visit(self, authorize: Authorize) -> str:
        return self.answer(authorize)


class DriverContract(ABC):
    @abstractmethod
    def run(self, flow: Flow[Any], person: Person | None = None) -> Any: ...

    def test_a_flow_runs_to_its_result(self) -> None:
        def flow(port: int) -> Flow[tuple[int, str]]:
            response = yield from send(HttpRequest("GET", EndpointUrl(f"http://127.0.0.1:{port}/")))
            yield from pause(0.01)
            url = yield from ask(VISIT)
            return response.status, url

        with serving(saying(OK)) as wire:
            assert self.run(flow(wire.port), Agreeing(lambda visit: visit.redirect_uri)) == (200, CALLBACK)

    def test_a_flow_without_effects_has_a_result_too(self) -> None:
        def flow() -> Flow[int]:
            yield from ()
            return 5

        assert self.run(flow()) == 5

    def test_a_failure_is_offered_to_the_flow_first(self) -> None:
        def flow() -> Flow[str]:
            try:
                yield from send(NOWHERE)
            except ServerUnavailable as error:
                yield from pause(0)
                return error.code
            return "connected"

        assert self.run(flow()) == "server_unavailable"

    def test_what_the_flow_does_not_catch_comes_out(self) -> None:
        with pytest.raises(ServerUnavailable):
            self.run(send(NOWHERE))

    def test_a_flow_is_closed_when_it_ends_in_an_error(self) -> None:
        ended: list[str] = []

        def flow() -> Flow[None]:
            try:
                yield from send(NOWHERE)
            finally:
                ended.append("cleaned up")

        with pytest.raises(ServerUnavailable):
            self.run(flow())

        assert ended == ["cleaned up"]

    def test_a_refusal_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """MCP security best practices: what was refused, for whoever keeps logs."""

        def flow() -> Flow[None]:
            yield from pause(0)
            check_endpoint("https://x@attacker.example/\x1b[2J", "token_endpoint")

        with caplog.at_level("INFO", logger="mcp_vacuum"), pytest.raises(SecurityRefused):
            self.run(flow())

        assert "refused: token_endpoint" in caplog.text
        assert "attacker.example" in caplog.text
        assert "\x1b" not in caplog.text

    def test_a_person_who_gives_up_is_offered_to_the_flow(self) -> None:
        def nobody(visit: Authorize) -> str:
            raise LoginDeclined("closed the window")

        def flow() -> Flow[str]:
            try:
                return (yield from ask(VISIT))
            except LoginDeclined as error:
                return error.message

        assert self.run(flow(), Agreeing(nobody)) == "closed the window"

    def test_without_a_person_nobody_is_asked(self) -> None:
        with pytest.raises(LoginDeclined, match="asks nobody") as caught:
            self.run(ask(VISIT))

        assert "mcp-vacuum login" in (caught.value.hint or "")

    def test_a_pause_takes_its_time(self) -> None:
        started = time.monotonic()
        self.run(pause(0.1))

        assert 0.09 < time.monotonic() - started < 1

    def test_an_error_that_is_no_exception_of_ours_is_not_swallowed(self) -> None:
        def interrupted(visit: Authorize) -> str:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.run(ask(VISIT), Agreeing(interrupted))

    def test_connections_are_closed_with_the_flow(self) -> None:
        def flow(port: int) -> Flow[None]:
            yield from send(HttpRequest("GET", EndpointUrl(f"http://127.0.0.1:{port}/")))

        with serving(saying(OK)) as wire:
            self.run(flow(wire.port))
            self.run(flow(wire.port))

            assert wire.connections == 2
