"""An expired access token, a new process: one refresh, no browser (issue 2, "Done when" 3)."""

import time

from .command import CommandLine
from .running import ProtectedServer
from .waiting import last_access_token, let_it_expire

BRIEF = 2
"""Seconds that an access token lives until it is to expire in a test."""


def test_a_new_process_refreshes_with_one_request_and_no_browser(
    cli: CommandLine, protected_server: ProtectedServer
) -> None:
    with protected_server.tuner.settings(token_lifetime=BRIEF):
        cli("login", protected_server.url).ok()
        expired = last_access_token(protected_server)
        let_it_expire(BRIEF)
    before = len(protected_server.desk.token_requests())

    answer = cli("token", protected_server.url, "--json", browser=cli.trap).ok().json

    requests = protected_server.desk.token_requests()[before:]
    assert [(line.grant_type, line.outcome) for line in requests] == [("refresh_token", "ok")]
    assert requests[0].resource == protected_server.url
    assert answer["expires_at"] > time.time() + 60
    assert protected_server.accepts(answer["access_token"])
    assert not protected_server.accepts(expired)
    assert not cli.browser_was_started()


def test_each_refresh_sends_the_token_that_the_last_one_brought(
    cli: CommandLine, protected_server: ProtectedServer
) -> None:
    before = len(protected_server.desk.token_requests())
    cli("login", protected_server.url).ok()

    for _ in range(2):
        cli("refresh", protected_server.url, browser=cli.trap).ok()

    login, *refreshes = protected_server.desk.token_requests()[before:]
    brought = [line.issued_refresh_token for line in (login, *refreshes)]
    assert [line.refresh_token for line in refreshes] == brought[:-1]
