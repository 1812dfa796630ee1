"""The recorded wire: what is sent, what is not, and that nothing raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import pytest

from mcp_vacuum.audit.evidence.wire import Wire, at_once, both, redirected, same_origin
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import Response
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.audit.made import answered

T = TypeVar("T")


def on_wire(work: Callable[[Wire], Awaitable[T]], **limits: int) -> T:
    async def run() -> T:
        async with Wire(NetworkPolicy("127.0.0.1"), **limits) as wire:
            return await work(wire)

    return anyio.run(run)


def test_an_exchange_is_recorded_raw() -> None:
    with Lab() as lab:
        exchange = on_wire(lambda wire: wire.get("a document", lab.resource_metadata_url))

    assert (exchange.number, exchange.outcome, exchange.status) == (1, "answered", 200)
    assert exchange.document["resource"] == lab.resource
    assert exchange.seconds > 0


def test_a_server_that_is_not_there_is_written_down() -> None:
    with Lab() as lab:
        url = lab.mcp_url
    exchange = on_wire(lambda wire: wire.get("a document", url))

    assert (exchange.outcome, exchange.status) == ("unreachable", 0)
    assert "no connection" in exchange.failure


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"around": lambda request, app: Response(0, delivery="reset")}, "lost"),
        ({"big_resource_metadata": 2_000_000}, "oversized"),
    ],
)
def test_a_lost_answer_is_told_from_an_unreachable_server(fault: dict[str, Any], outcome: str) -> None:
    with Lab() as lab:
        for name, value in fault.items():
            setattr(lab.faults, name, value)
        exchange = on_wire(lambda wire: wire.get("a document", lab.resource_metadata_url))

    assert exchange.outcome == outcome
    assert exchange.request is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example/x",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "http://10.0.0.1/",
        "https://169.254.169.254/",
    ],
)
def test_what_no_request_may_go_to_is_not_sent(url: str) -> None:
    exchange = on_wire(lambda wire: wire.get("a document", url))

    assert (exchange.outcome, exchange.request) == ("refused", None)


def test_the_number_of_requests_is_bounded() -> None:
    with Lab() as lab:

        async def three(wire: Wire) -> list[str]:
            return [(await wire.get("again", lab.mcp_url)).outcome for _ in range(3)]

        assert on_wire(three, most=2) == ["answered", "answered", "refused"]
        assert len(lab.recorder.to("/mcp")) == 2


def test_429_is_the_last_request_to_that_origin() -> None:
    with Lab() as lab:
        lab.faults.mcp_status = 429

        async def two(wire: Wire) -> list[str]:
            return [(await wire.get("again", lab.mcp_url)).said for _ in range(2)]

        assert on_wire(two) == ["status 429", "not sent: the server asked to slow down (429)"]


def test_redirects_are_followed_on_the_same_origin_only() -> None:
    with Lab() as lab:

        async def follow(wire: Wire) -> tuple[int, int]:
            exchange = await wire.get_following("a document", lab.resource_metadata_url)
            return exchange.status, len(wire.exchanges)

        lab.faults.resource_metadata_redirect = "https://elsewhere.example/"
        assert on_wire(follow) == (302, 1)
        lab.faults.resource_metadata_redirect = "/.well-known/oauth-protected-resource/mcp"
        assert on_wire(follow) == (302, 4)


def test_answers_come_in_the_order_of_the_questions() -> None:
    with Lab() as lab:
        urls = [lab.mcp_url, lab.resource_metadata_url, f"{lab.issuer}/jwks"]
        answers = on_wire(lambda wire: wire.together([(url, "GET", url, (), None) for url in urls]))

    assert [answer.purpose for answer in answers] == urls


def test_where_a_redirect_leads() -> None:
    assert redirected(answered(302, headers=(("location", "/x"),))) == "https://mcp.example/x"
    assert redirected(answered(200, headers=(("location", "/x"),))) is None
    assert redirected(answered(302)) is None


def test_what_is_no_url_has_no_origin() -> None:
    assert same_origin("https://mcp.example:443/x", "https://mcp.example/mcp")
    assert not same_origin("https://[broken", "https://mcp.example/mcp")
    assert not same_origin("/x", "https://mcp.example/mcp")


def test_in_the_clear_the_scheme_is_another_and_the_rest_stays() -> None:
    with Lab() as lab:
        url = lab.resource_metadata_url
        exchange = on_wire(lambda wire: wire.get_in_the_clear("a document", url.replace("http:", "https:")))

    assert (exchange.url, exchange.status) == (url, 200)
    assert exchange.response
    assert exchange.response.body == b""


def test_several_things_at_once_keep_their_order() -> None:
    async def slow() -> str:
        await anyio.sleep(0.01)
        return "slow"

    async def fast() -> str:
        return "fast"

    async def run() -> tuple[list[str], tuple[str, str]]:
        return await at_once(slow, fast), await both(slow, fast)

    assert anyio.run(run) == (["slow", "fast"], ("slow", "fast"))
