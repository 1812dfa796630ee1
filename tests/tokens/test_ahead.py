"""Refreshing ahead of time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.testing.clock import Clock
from mcp_vacuum.tokens import ahead
from mcp_vacuum.tokens.ahead import (
    RETRY,
    RefreshAhead,
    refresh_now,
    refresh_soon,
    refreshed_ahead,
    seconds_before_end,
)
from mcp_vacuum.tokens.policy import good_enough
from mcp_vacuum.tokens.source import LoginTokens
from tests.helpers import LoggedIn, refreshes


@pytest.mark.parametrize("lifetime", [10, 60, 300, 1800, 3600, 86400])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_it_is_before_the_token_would_be_refused_and_not_long_before(lifetime: int, jitter: float) -> None:
    held = Held(OAuth2Token("t", expires_in=lifetime), 1)
    margin = seconds_before_end(held, jitter)

    assert min(60.0, lifetime / 4) < margin <= min(60.0, lifetime / 4) + 0.2 * lifetime


def tokens(login: LoggedIn) -> LoginTokens:
    tokens = login.tokens
    tokens.obtain()
    return tokens


class TestDue:
    def test_a_used_token_is_due_once_near_its_end(self, login: LoggedIn) -> None:
        clock, watched = Clock(), RefreshAhead(jitter=lambda: 0.0)
        with clock.installed():
            refresh_now(source := login.tokens)
            watched.used(source)
            assert watched.due() == []
            clock.advance(1800 - seconds_before_end(_held(source), 0.0) + 1)
            assert good_enough(_held(source))
            assert watched.due() == [source]
            assert watched.due() == []

    def test_one_that_nobody_used_is_not(self, login: LoggedIn) -> None:
        clock, watched = Clock(), RefreshAhead()
        with clock.installed():
            refresh_now(login.tokens)
            clock.advance(1700)
            assert watched.due() == []

    def test_after_a_refresh_it_has_to_be_used_again(self, login: LoggedIn) -> None:
        clock, watched = Clock(), RefreshAhead(jitter=lambda: 1.0)
        with clock.installed():
            refresh_now(source := login.tokens)
            watched.used(source)
            clock.advance(1500)
            assert watched.due() == [source]
            refresh_now(source)
            clock.advance(1500)
            assert watched.due() == []

    def test_a_failure_is_tried_again_after_a_while_and_does_no_harm(self, login: LoggedIn) -> None:
        clock, watched = Clock(), RefreshAhead(jitter=lambda: 1.0)
        with clock.installed():
            refresh_now(source := login.tokens)
            watched.used(source)
            before = _held(source)
            clock.advance(1500)
            assert watched.due() == [source]
            clock.advance(RETRY - 1)
            assert watched.due() == []
            clock.advance(2)
            assert watched.due() == [source]
            assert _held(source) is before

    def test_an_ended_token_is_forgotten(self, login: LoggedIn) -> None:
        clock, watched = Clock(), RefreshAhead()
        with clock.installed():
            refresh_now(source := login.tokens)
            watched.used(source)
            clock.advance(1801)
            assert watched.due() == []


class TestRefresh:
    def test_a_good_token_is_replaced(self, login: LoggedIn) -> None:
        source = tokens(login)
        before = _held(source)
        refresh_now(source)
        middle = _held(source)
        asyncio.run(refresh_soon(source))

        assert before.generation < middle.generation < _held(source).generation

    def test_a_server_that_is_down_is_no_error(self, login: LoggedIn, impatient: None) -> None:
        source = tokens(login)
        login.lab.faults.token_status = 400
        refresh_now(source)

        assert _held(source).left() > 0


class TestLongRunning:
    def test_it_is_refreshed_while_the_block_runs(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ahead, "_TICK", 0.01)
        monkeypatch.setattr(ahead, "seconds_before_end", lambda held, _: held.token.expires_in + 1.0)
        source = tokens(login)
        login.lab.recorder.clear()
        with refreshed_ahead(source):
            deadline = threading.Event()
            while not refreshes(login.lab) and not deadline.wait(0.01):
                pass
        after = len(refreshes(login.lab))
        assert after >= 1
        assert not [thread for thread in threading.enumerate() if thread.name == "mcp-vacuum refresh ahead"]


def _held(source: LoginTokens) -> Held:
    held = ACCESS_TOKENS.get(source.place)
    assert held is not None
    return held
