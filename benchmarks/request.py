"""What an Auth adds to a request whose token is valid. No network: the generators are driven by hand."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import httpx2

from benchmarks.measure import Timed, taking_turns
from benchmarks.peers import installed
from benchmarks.table import Row, Section
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.models import DEFAULT_ACCOUNT, OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import stored_tokens

URL = "https://mcp.example.com/mcp"
TOKEN = "an-access-token-of-a-usual-length-0123456789"
ROUNDS, REQUESTS, BATCH = 25, 2000, 50
LIMIT, LIMIT_SYNC = "empty httpx2.Auth, async", "empty httpx2.Auth, sync"
OURS, OURS_SYNC = "mcp-vacuum VacuumAuth, async", "mcp-vacuum VacuumAuth, sync"
SDK, AUTHLIB = "MCP SDK OAuthClientProvider, async", "Authlib AsyncOAuth2Client, async"

Before = Callable[[], Awaitable[object]]


def per_request() -> Section:
    """Measure all that are installed."""
    ours = VacuumAuth(_source())
    contenders = {
        LIMIT: _asynchronous(httpx2.Auth()),
        OURS: _asynchronous(ours),
        LIMIT_SYNC: _synchronous(httpx2.Auth()),
        OURS_SYNC: _synchronous(ours),
    }
    if installed("mcp"):
        contenders[SDK] = _asynchronous(_sdk_provider())
    if installed("authlib"):
        client = _authlib_client()
        contenders[AUTHLIB] = _asynchronous(
            client.token_auth, before=lambda: client.ensure_active_token(client.token)
        )
    taken = taking_turns(contenders, ROUNDS)
    rows = [_row(name, taken) for name in (LIMIT, OURS, SDK, AUTHLIB, LIMIT_SYNC, OURS_SYNC)]
    title = f"Cost of Auth on a request with a valid token, {ROUNDS} x {REQUESTS} requests"
    return Section(title, rows, "the empty Auth of its kind")


def _row(name: str, taken: dict[str, float]) -> Row:
    if name not in taken:
        return Row(name, None)
    limit = taken[LIMIT_SYNC if name.endswith(", sync") else LIMIT]
    target = "<= 3 µs" if name in (OURS, OURS_SYNC) else ""
    return Row(name, taken[name] * 1e6, "µs", taken[name] / limit, target)


def _requests() -> list[httpx2.Request]:
    """Make requests such as an MCP client sends, outside the time that counts.

    A few at a time: a real request has just been made when its Auth sees it, and is in the cache still.
    """
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    return [httpx2.Request("POST", URL, headers=headers, content=b"{}") for _ in range(BATCH)]


def _synchronous(auth: httpx2.Auth) -> Timed:
    response = httpx2.Response(200)

    def batch() -> float:
        requests = _requests()
        began = time.perf_counter()
        for request in requests:
            flow = auth.sync_auth_flow(request)
            next(flow)
            try:  # noqa: SIM105 - suppress() would cost more than the limit
                flow.send(response)
            except StopIteration:
                pass
        return time.perf_counter() - began

    return lambda: sum(batch() for _ in range(REQUESTS // BATCH)) / REQUESTS


def _asynchronous(auth: httpx2.Auth, before: Before | None = None) -> Timed:
    response = httpx2.Response(200)

    async def batch() -> float:
        requests = _requests()
        began = time.perf_counter()
        for request in requests:
            if before is not None:
                await before()
            flow: AsyncGenerator[httpx2.Request, httpx2.Response] = auth.async_auth_flow(request)
            await anext(flow)
            try:  # noqa: SIM105 - as above
                await flow.asend(response)
            except StopAsyncIteration:
                pass
        return time.perf_counter() - began

    async def batches() -> float:
        return sum([await batch() for _ in range(REQUESTS // BATCH)]) / REQUESTS

    return lambda: asyncio.run(batches())


def _source() -> LoginTokens:
    store = memory_store()
    ACCESS_TOKENS.put((store.location, URL, DEFAULT_ACCOUNT), Held(OAuth2Token(TOKEN), 1))
    return stored_tokens(store, URL, resource=URL)


def _sdk_provider() -> httpx2.Auth:
    """Return the SDK's provider over a storage in memory that has a valid token."""
    auth = importlib.import_module("mcp.client.auth")
    shared = importlib.import_module("mcp.shared.auth")
    metadata = shared.OAuthClientMetadata(redirect_uris=["http://127.0.0.1/callback"])
    return auth.OAuthClientProvider(URL, metadata, _SdkStorage(shared))  # type: ignore[no-any-return]


class _SdkStorage:
    def __init__(self, shared: Any) -> None:
        self._token = shared.OAuthToken(access_token=TOKEN, expires_in=3600, refresh_token="r")
        self._client = shared.OAuthClientInformationFull(
            client_id="c", redirect_uris=["http://127.0.0.1/callback"]
        )

    async def get_tokens(self) -> Any:
        return self._token

    async def set_tokens(self, tokens: Any) -> None: ...

    async def get_client_info(self) -> Any:
        return self._client

    async def set_client_info(self, client_info: Any) -> None: ...


def _authlib_client() -> Any:
    client = importlib.import_module("authlib.integrations.httpx_client")
    token = {"access_token": TOKEN, "token_type": "Bearer", "expires_at": time.time() + 3600}
    return client.AsyncOAuth2Client("c", token=token)
