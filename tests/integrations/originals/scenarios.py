"""What users of the originals reported, each as one function: it raises where a provider gets it wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx2

from mcp_vacuum.errors import WrongAudience
from mcp_vacuum.lab import Lab, LabConfig
from tests.helpers import refreshes, until

from .kit import Kit, call, consents, resource

Scenario = Callable[[Kit], None]
SHORT = 1
"""Seconds that an access token lives here."""


def _within(seconds: float, work: Awaitable[None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(seconds):
            await work

    asyncio.run(run())


def refresh_token_is_used_after_a_restart(kit: Kit) -> None:
    """python-sdk#3250, fastmcp#1649: a new process opens the browser although a refresh token is stored."""

    async def run(lab: Lab) -> None:
        storage = kit.storage()
        assert (await call(kit.provider(lab.mcp_url, storage), lab.mcp_url)).status_code == 200
        await asyncio.sleep(SHORT + 0.1)
        assert (await call(kit.provider(lab.mcp_url, storage), lab.mcp_url)).status_code == 200
        assert consents(lab) == 1, f"the person was asked {consents(lab)} times"

    with Lab(LabConfig(access_token_lifetime=SHORT)) as lab:
        _within(25, run(lab))


def refresh_token_stays_away_from_the_resource_server(kit: Kit) -> None:
    """LibreChat#12266: without metadata in memory the refresh token goes to the MCP server's own /token."""

    async def run(lab: Lab) -> None:
        storage = kit.storage()
        await call(kit.provider(lab.mcp_url, storage), lab.mcp_url)
        await kit.forget_access_token(lab.mcp_url, storage)
        lab.recorder.clear()
        assert (await call(kit.provider(lab.mcp_url, storage), lab.mcp_url)).status_code == 200
        astray = [r for r in lab.recorder.to("/token") if r.server == "mcp"]
        assert not astray, f"the MCP server was sent {astray[0].form['grant_type']} at /token"

    with Lab() as lab:
        _within(25, run(lab))


def a_long_get_does_not_hold_up_a_post(kit: Kit) -> None:
    """python-sdk#1326: the event stream is open, its head comes with the first event; a call has to wait."""

    async def run(url: str) -> None:
        auth = kit.provider(url, kit.storage())
        await call(auth, url)
        slow.release.clear()
        stream = asyncio.create_task(call(auth, url, "GET"))
        assert await asyncio.to_thread(slow.asked.wait, 10)
        post = asyncio.create_task(call(auth, url))
        done, _ = await asyncio.wait({post}, timeout=5)
        slow.release.set()
        await asyncio.gather(stream, post)
        assert done, "the POST waited for the GET"

    with resource() as slow, Lab(LabConfig(also_serves=(slow.url,))) as lab:
        slow.issuer = lab.issuer
        _within(25, run(slow.url))


def one_provider_works_from_several_event_loops(kit: Kit) -> None:
    """strands-agents/harness-sdk#3554, deer-flow#4240: the lock belongs to one loop."""
    statuses: list[int] = []

    def loop(lab: Lab, auth: httpx2.Auth) -> None:
        async def run() -> None:
            answers = await asyncio.gather(*(call(auth, lab.mcp_url) for _ in range(5)))
            statuses.extend(answer.status_code for answer in answers)

        with suppress(Exception):
            _within(10, run())

    with Lab() as lab:
        auth = kit.provider(lab.mcp_url, kit.storage())
        threads = [threading.Thread(target=loop, args=(lab, auth), daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(12)
        assert len(statuses) == 15, f"{len(statuses)} of 15 requests were answered"
        assert set(statuses) == {200}
        assert consents(lab) == 1


def a_cancelled_request_does_not_break_the_next(kit: Kit) -> None:
    """hermes-agent#94070: a request is cancelled while it refreshes; the rotated token is lost with it."""

    async def run(lab: Lab) -> None:
        auth = kit.provider(lab.mcp_url, kit.storage())
        await call(auth, lab.mcp_url)
        await asyncio.sleep(SHORT + 0.1)
        lab.faults.token_delay, lab.faults.token_times = 0.5, 1
        gives_up = asyncio.create_task(call(auth, lab.mcp_url))
        await until(lambda: bool(lab.refresh_tokens_seen()))
        gives_up.cancel()
        await until(lambda: len(lab.issued_refresh_tokens) == 2)
        assert (await call(auth, lab.mcp_url)).status_code == 200
        assert lab.reuse_detected == 0, "a refresh token was used twice, and its family revoked"
        assert consents(lab) == 1

    with Lab(LabConfig(access_token_lifetime=SHORT)) as lab:
        _within(25, run(lab))


def a_cancelled_login_does_not_break_the_next(kit: Kit) -> None:
    """A request is cancelled while the person is asked."""

    async def run(lab: Lab) -> None:
        auth = kit.provider(lab.mcp_url, kit.storage())
        lab.faults.slow_metadata = 0.5
        gives_up = asyncio.create_task(call(auth, lab.mcp_url))
        await asyncio.sleep(0.25)
        gives_up.cancel()
        assert (await call(auth, lab.mcp_url)).status_code == 200

    with Lab() as lab:
        _within(25, run(lab))


def refreshes_of_others_are_seen(kit: Kit) -> None:
    """claude-code#85236: two programs over one storage; the second one presents a rotated token."""

    async def run(lab: Lab) -> None:
        storage = kit.storage()
        first, second = (kit.provider(lab.mcp_url, storage) for _ in range(2))
        await call(first, lab.mcp_url)
        await call(second, lab.mcp_url)
        for _ in range(2):
            await asyncio.sleep(SHORT + 0.1)
            assert (await call(first, lab.mcp_url)).status_code == 200
            assert (await call(second, lab.mcp_url)).status_code == 200
        assert lab.reuse_detected == 0, "a refresh token was used twice, and its family revoked"
        assert consents(lab) == 1, f"the person was asked {consents(lab)} times"

    with Lab(LabConfig(access_token_lifetime=SHORT)) as lab:
        _within(30, run(lab))


def a_503_does_not_lose_the_login(kit: Kit) -> None:
    """mcp2cli#60, goose#12016: one 503 at the token endpoint, and the person has to log in again."""

    async def run(lab: Lab) -> None:
        auth = kit.provider(lab.mcp_url, kit.storage())
        await call(auth, lab.mcp_url)
        await asyncio.sleep(SHORT + 0.1)
        lab.faults.token_status, lab.faults.token_times = 503, 1
        assert (await call(auth, lab.mcp_url)).status_code == 200
        assert consents(lab) == 1, f"the person was asked {consents(lab)} times"
        assert refreshes(lab)

    with Lab(LabConfig(access_token_lifetime=SHORT)) as lab:
        _within(25, run(lab))


def two_accounts_of_one_server_stay_apart(kit: Kit) -> None:
    """hermes-agent#109422: the second identity gets the first one's token."""

    async def run(lab: Lab) -> None:
        storage = kit.storage()
        home = kit.provider(lab.mcp_url, storage)
        work = kit.provider(lab.mcp_url, storage, "work")
        await call(home, lab.mcp_url)
        await call(work, lab.mcp_url)
        assert consents(lab) == 2, "the second account was given the first one's login"

    with Lab() as lab:
        _within(25, run(lab))


def the_token_stays_with_its_host(kit: Kit) -> None:
    """chat-ui#2250: one client object calls another host as well."""

    async def run(lab: Lab, elsewhere: str) -> None:
        auth = kit.provider(lab.mcp_url, kit.storage())
        await call(auth, lab.mcp_url)
        with suppress(WrongAudience):
            await call(auth, elsewhere)

    with Lab() as lab, resource() as other:
        _within(25, run(lab, other.url))
        assert not any(other.authorizations), "another host was sent the access token"


ALL: tuple[Scenario, ...] = (
    refresh_token_is_used_after_a_restart,
    refresh_token_stays_away_from_the_resource_server,
    a_long_get_does_not_hold_up_a_post,
    one_provider_works_from_several_event_loops,
    a_cancelled_request_does_not_break_the_next,
    a_cancelled_login_does_not_break_the_next,
    refreshes_of_others_are_seen,
    a_503_does_not_lose_the_login,
    two_accounts_of_one_server_stay_apart,
    the_token_stays_with_its_host,
)
