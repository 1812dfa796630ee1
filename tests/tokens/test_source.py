"""LoginTokens: the TokenSource of one stored login."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from mcp_vacuum.errors import LoginRequired, UsageError, WrongAudience
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.tokens.lease import FLIGHTS
from mcp_vacuum.tokens.source import TokenSource
from mcp_vacuum.tokens.stored import login_tokens, stored_tokens
from tests.helpers import LoggedIn, refreshes

Ask = Callable[[TokenSource, str], object]


def by_ready(source: TokenSource, url: str) -> object:
    return source.ready("GET", url)


def by_headers(source: TokenSource, url: str) -> object:
    return asyncio.run(source.headers("GET", url))


def by_blocking(source: TokenSource, url: str) -> object:
    return source.headers_blocking("GET", url)


WAYS = pytest.mark.parametrize("ask", [by_ready, by_headers, by_blocking])


class TestHeaders:
    @WAYS
    def test_a_good_token_is_shown_without_a_request(self, login: LoggedIn, ask: Ask) -> None:
        expected = {"Authorization": f"Bearer {login.lab.issued_access_tokens[-1]}"}

        assert ask(login.tokens, login.server) == expected
        assert login.lab.recorder.requests == ()

    @pytest.mark.parametrize("ask", [by_headers, by_blocking])
    def test_without_one_it_is_refreshed_once(self, login: LoggedIn, ask: Ask) -> None:
        login.forget_access_token()
        source = login.tokens
        first, second = ask(source, login.server), ask(source, login.server)

        assert first == second == {"Authorization": f"Bearer {login.lab.issued_access_tokens[-1]}"}
        assert len(refreshes(login.lab)) == 1

    def test_ready_never_refreshes(self, login: LoggedIn) -> None:
        login.forget_access_token()

        assert login.tokens.ready("GET", login.server) is None
        login.tokens.headers_blocking("GET", login.server)
        login.almost_expire()
        assert login.tokens.ready("GET", login.server) is None
        assert len(refreshes(login.lab)) == 1

    def test_ready_follows_a_new_token(self, login: LoggedIn) -> None:
        source = login.tokens
        before = source.ready("GET", login.server)
        stored_tokens(login.store, login.server).obtain(rejected=1)
        after = source.ready("GET", login.server)

        assert before != after == {"Authorization": f"Bearer {login.lab.issued_access_tokens[-1]}"}

    @WAYS
    def test_another_url_is_refused_before_anything_is_sent(self, login: LoggedIn, ask: Ask) -> None:
        login.forget_access_token()
        source = login.tokens
        with pytest.raises(WrongAudience):
            ask(source, "https://attacker.example/mcp")

        assert login.lab.recorder.requests == ()

    @WAYS
    def test_a_login_without_a_resource_gives_no_headers(self, ask: Ask) -> None:
        with pytest.raises(UsageError, match="names no resource"):
            ask(stored_tokens(memory_store(), "grant"), "https://mcp.example/mcp")

    @pytest.mark.parametrize("ask", [by_headers, by_blocking])
    def test_without_a_login_the_command_is_named(self, ask: Ask) -> None:
        url = "https://mcp.example/mcp"
        source = stored_tokens(memory_store(), url, "work", resource=url)
        with pytest.raises(LoginRequired) as caught:
            ask(source, url)

        assert caught.value.hint == f"mcp-vacuum login {url} --account work"


class TestRefused:
    """What the resource answered with 401 is not shown again."""

    def test_it_is_refreshed_once(self, login: LoggedIn) -> None:
        source = login.tokens
        refused = source.headers_blocking("GET", login.server)
        fresh = source.headers_blocking("GET", login.server, refused=refused)

        assert fresh != refused
        assert len(refreshes(login.lab)) == 1

    def test_the_async_face_does_the_same(self, login: LoggedIn) -> None:
        async def run() -> bool:
            source = login.tokens
            refused = await source.headers("GET", login.server)
            return await source.headers("GET", login.server, refused=refused) != refused

        assert asyncio.run(run())
        assert len(refreshes(login.lab)) == 1

    def test_many_refusals_of_one_token_are_one_refresh(self, login: LoggedIn) -> None:
        source = login.tokens
        refused = source.headers_blocking("GET", login.server)
        given = [source.headers_blocking("GET", login.server, refused=refused) for _ in range(20)]

        assert [headers == given[0] for headers in given] == [True] * 20
        assert len(refreshes(login.lab)) == 1

    def test_a_refusal_during_a_flight_that_began_before_it_flies_again(self, login: LoggedIn) -> None:
        """The flight in the air may land with the very token that was refused."""
        held, go = login.held, threading.Event()
        assert held is not None

        def old_flight() -> Held:
            assert go.wait(10)
            return held

        FLIGHTS.join((login.place, None), old_flight)
        got: list[Held] = []
        asks = threading.Thread(target=lambda: got.append(login.tokens.obtain(rejected=held.generation)))
        asks.start()
        go.set()
        asks.join(10)

        assert [token.generation for token in got] == [2]
        assert len(refreshes(login.lab)) == 1

    def test_another_process_was_faster(self, login: LoggedIn) -> None:
        """Its token is in its memory only, so ours costs one more refresh, with the newest refresh token."""
        held = login.held
        assert held is not None
        login.forget_access_token()
        login.tokens.obtain()
        login.forget_access_token()
        ACCESS_TOKENS.put(login.place, held)
        renewed = login.tokens.obtain(rejected=held.generation)

        assert renewed.generation == 3
        assert len(set(login.lab.refresh_tokens_seen())) == 2
        assert login.lab.reuse_detected == 0


class TestMinValidity:
    def test_more_life_may_be_asked_for(self, login: LoggedIn) -> None:
        login.almost_expire(seconds_left=300)
        enough = login.tokens.obtain(200)
        renewed = login.tokens.obtain(400)

        assert (enough.generation, renewed.generation) == (1, 2)

    def test_it_is_bounded_by_a_quarter_of_the_life(self, login: LoggedIn) -> None:
        assert login.tokens.obtain(10_000).generation == 1


def test_two_sources_over_one_login_share_its_token(login: LoggedIn) -> None:
    login.forget_access_token()
    first = login.tokens.obtain()
    record = login.store.get(login.server)
    assert record is not None

    assert login_tokens(login.store, record).obtain() is first
