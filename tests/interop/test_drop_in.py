"""The drop-ins in the place of the originals, against the server of the MCP SDK."""

import asyncio
import sys
from typing import Any

import httpx2
import pytest
from fastmcp import Client as FastMcpClient
from key_value.aio.stores.memory import MemoryStore
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from mcp_vacuum.integrations.fastmcp import OAuth
from mcp_vacuum.integrations.mcp import OAuthClientProvider

from .running import ProtectedServer
from .witness import BROWSER, Callback, Memory


async def tools_of_the_sdk(url: str, storage: Memory, *, may_ask: bool = True) -> list[str]:
    callback = Callback()
    async with callback.listening():
        handlers: dict[str, Any] = {
            "redirect_handler": callback.open_browser,
            "callback_handler": callback.wait,
        }
        provider = OAuthClientProvider(
            server_url=url,
            client_metadata=OAuthClientMetadata(
                client_name="the drop-in",
                redirect_uris=[AnyUrl(callback.uri)],
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",
            ),
            storage=storage,
            **(handlers if may_ask else {}),
        )
        async with (
            httpx2.AsyncClient(auth=provider, trust_env=False, timeout=30) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return [tool.name for tool in (await client.list_tools()).tools]


async def tools_of_fastmcp(url: str, storage: MemoryStore) -> list[str]:
    async with FastMcpClient(url, auth=OAuth(token_storage=storage)) as client:
        return [tool.name for tool in await client.list_tools()]


def test_the_sdks_client_logs_in_and_refreshes_after_a_restart(sdk_server: ProtectedServer) -> None:
    storage = Memory()
    before = len(sdk_server.desk.token_requests())

    assert asyncio.run(tools_of_the_sdk(sdk_server.url, storage)) == [sdk_server.tool]
    assert storage.tokens is not None
    assert storage.tokens.access_token == ""
    assert asyncio.run(tools_of_the_sdk(sdk_server.url, storage, may_ask=False)) == [sdk_server.tool]
    grants = [line.grant_type for line in sdk_server.desk.token_requests()[before:]]
    assert grants == ["authorization_code", "refresh_token"]


def test_fastmcps_client_logs_in_and_refreshes_after_a_restart(
    sdk_server: ProtectedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", f"{sys.executable} {BROWSER} %s")
    storage = MemoryStore()
    before = len(sdk_server.desk.token_requests())

    assert asyncio.run(tools_of_fastmcp(sdk_server.url, storage)) == [sdk_server.tool]
    assert asyncio.run(tools_of_fastmcp(sdk_server.url, storage)) == [sdk_server.tool]
    grants = [line.grant_type for line in sdk_server.desk.token_requests()[before:]]
    assert grants == ["authorization_code", "refresh_token"]


def test_behind_an_issuer_that_stops_the_original(fastmcp_remote: ProtectedServer) -> None:
    """The original refuses this server: its metadata adds a slash to a root issuer (python-sdk#1919)."""
    assert asyncio.run(tools_of_the_sdk(fastmcp_remote.url, Memory())) == [fastmcp_remote.tool]
