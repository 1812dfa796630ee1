"""Many who want a token at the moment when it has ended: how many refresh requests does the server get?"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx2

from benchmarks.peers import installed
from benchmarks.scene import expire, log_in
from benchmarks.table import Row, Section
from mcp_vacuum.lab import Lab
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import login_tokens

CLIENTS = 4
Crowd = Callable[[list[LoginTokens], str], None]


def crowd() -> Section:
    """Count refresh requests, and those that the server refused as reuse of a rotated token."""
    rows = [
        *_ours("mcp-vacuum, 200 tasks over 4 clients", lambda s, u: asyncio.run(_tasks(s, u, 200))),
        *_ours("mcp-vacuum, 10,000 tasks over 4 clients", lambda s, u: asyncio.run(_tasks(s, u, 10_000))),
        *_ours("mcp-vacuum, 64 threads over 4 clients", _threads),
    ]
    if installed("mcp"):
        refreshes, reused = asyncio.run(_sdk(200))
        rows += _rows("MCP SDK, 200 tasks over 4 clients", refreshes, reused, "")
    else:
        rows.append(Row("MCP SDK, 200 tasks over 4 clients", None))
    return Section("One expired token, one store, one process: refresh requests (one run each)", rows)


def _ours(what: str, run: Crowd) -> list[Row]:
    store = memory_store()
    with Lab() as lab:
        log_in(lab.mcp_url, store)
        expire(store, lab.mcp_url)
        credential = store.get(lab.mcp_url)
        assert credential is not None
        lab.recorder.clear()
        run([login_tokens(store, credential) for _ in range(CLIENTS)], lab.mcp_url)
        return _rows(what, len(lab.recorder.to("/token")), lab.reuse_detected, "1 refresh")


def _rows(what: str, refreshes: int, reused: int, target: str) -> list[Row]:
    return [
        Row(f"{what}: refreshes", float(refreshes), "", None, target),
        *([Row(f"{what}: refused as reuse", float(reused))] if reused else []),
    ]


async def _tasks(sources: list[LoginTokens], url: str, tasks: int) -> None:
    await asyncio.gather(*(sources[i % CLIENTS].headers("POST", url) for i in range(tasks)))


def _threads(sources: list[LoginTokens], url: str) -> None:
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda i: sources[i % CLIENTS].headers_blocking("POST", url), range(64)))


async def _sdk(tasks: int) -> tuple[int, int]:
    """Give 4 providers of the SDK one storage and the same expired token, and ask through each."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # a traceback for each of the 200 that failed
    store = memory_store()
    with Lab() as lab:
        await anyio.to_thread.run_sync(log_in, lab.mcp_url, store)
        providers = [await _provider(lab, store) for _ in range(CLIENTS)]
        lab.recorder.clear()
        limits = httpx2.Limits(max_connections=tasks)
        async with httpx2.AsyncClient(trust_env=False, limits=limits, timeout=60) as http:
            asked = (http.get(lab.mcp_url, auth=providers[i % CLIENTS]) for i in range(tasks))
            # Those whose token was revoked meanwhile want a browser, and there is none.
            await asyncio.gather(*asked, return_exceptions=True)
        sent = [r for r in lab.recorder.to("/token") if r.form.get("grant_type") == ("refresh_token",)]
        return len(sent), lab.reuse_detected


async def _provider(lab: Lab, store: CredentialStore) -> Any:
    """Return a provider in the state of a process that logged in an hour ago."""
    auth = importlib.import_module("mcp.client.auth")
    shared = importlib.import_module("mcp.shared.auth")
    credential = store.get(lab.mcp_url)
    held = ACCESS_TOKENS.get((store.location, lab.mcp_url, DEFAULT_ACCOUNT))
    assert credential is not None
    assert held is not None
    metadata = shared.OAuthClientMetadata(redirect_uris=[credential.redirect_uri])
    storage = _Shared(shared, credential, held.token.access_token)
    provider = auth.OAuthClientProvider(lab.mcp_url, metadata, storage)
    async with httpx2.AsyncClient(trust_env=False) as http:
        found = await http.get(f"{lab.issuer}/.well-known/oauth-authorization-server")
        prm = await http.get(lab.resource_metadata_url)
    provider.context.oauth_metadata = shared.OAuthMetadata.model_validate(found.json())
    provider.context.protected_resource_metadata = shared.ProtectedResourceMetadata.model_validate(prm.json())
    await provider._initialize()
    provider.context.token_expiry_time = time.time() - 60
    return provider


class _Shared:
    """What the four providers store in; each has read it before the token ended."""

    def __init__(self, shared: Any, credential: Credential, access_token: str) -> None:
        assert credential.refresh_token is not None
        assert credential.client is not None
        self.tokens = shared.OAuthToken(
            access_token=access_token, expires_in=1800, refresh_token=credential.refresh_token.reveal()
        )
        self.client = shared.OAuthClientInformationFull(
            client_id=credential.client.client_id,
            redirect_uris=[credential.redirect_uri],
            token_endpoint_auth_method="none",
        )

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info
