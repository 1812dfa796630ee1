"""A process that is killed in the middle of its refresh: the server rotated, nobody heard the answer."""

from collections.abc import Iterator

import pytest

from tests.helpers import wait_for

from .command import CommandLine
from .conftest import Starter
from .running import ProtectedServer

LOGIN_REQUIRED = 3
HELD_BACK = 5
"""Seconds that an answer is held back: time enough to kill who waits for it."""


@pytest.fixture(scope="module")
def forgiving_server(start_sdk_server: Starter) -> Iterator[ProtectedServer]:
    """Takes a rotated refresh token again for 30 seconds."""
    with start_sdk_server("--grace", "30") as server:
        yield server


def test_with_a_grace_period_the_next_process_recovers_the_login(
    cli: CommandLine, forgiving_server: ProtectedServer
) -> None:
    cli("login", forgiving_server.url).ok()
    _kill_in_the_middle_of_a_refresh(cli, forgiving_server)

    token = cli("token", forgiving_server.url, browser=cli.trap).ok().stdout.strip()

    assert forgiving_server.accepts(token)
    log = forgiving_server.desk.log()
    assert (log["reuses"], log["grace_uses"]) == (0, 1)
    assert not cli.browser_was_started()


def test_without_one_it_asks_for_a_login_and_that_login_works(
    cli: CommandLine, sdk_server: ProtectedServer
) -> None:
    cli("login", sdk_server.url).ok()
    _kill_in_the_middle_of_a_refresh(cli, sdk_server)

    cli("token", sdk_server.url, browser=cli.trap).exited(LOGIN_REQUIRED)
    assert not cli.browser_was_started()

    cli("login", sdk_server.url).ok()
    token = cli("token", sdk_server.url, browser=cli.trap).ok().stdout.strip()
    assert sdk_server.accepts(token)


def _kill_in_the_middle_of_a_refresh(cli: CommandLine, server: ProtectedServer) -> None:
    before = len(server.desk.refreshes())
    with server.desk.settings(answer_delay=HELD_BACK):
        victim = cli.start("token", server.url, browser=cli.trap)
        wait_for(
            lambda: len(server.desk.refreshes()) > before or victim.poll() is not None,
            "the server has rotated the refresh token",
        )
        assert victim.poll() is None, victim.communicate()
        victim.kill()
        victim.communicate()
    assert server.desk.refreshes()[-1].outcome == "ok"
