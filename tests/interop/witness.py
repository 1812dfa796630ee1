"""The official MCP client, as a witness: what it can do with a server, mcp-vacuum must do as well."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

BROWSER = Path(__file__).parent / "browser.py"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYou may close this tab."


class Memory:
    """A token storage of the SDK's shape."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Callback:
    """A loopback listener for one redirect, and the browser that makes it come."""

    def __init__(self) -> None:
        self.redirect: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.uri = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Callback"]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        async with server:
            yield self

    async def open_browser(self, url: str) -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, str(BROWSER), url)
        assert await process.wait() == 0, "the browser did not come back"

    async def wait(self) -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(await self.redirect).query)
        assert "code" in query, query
        given = {name: query[name][0] for name in ("code", "state", "iss") if name in query}
        return AuthorizationCodeResult(**given)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        if not self.redirect.done():
            self.redirect.set_result(line)
        writer.write(PAGE)
        await writer.drain()
        writer.close()


async def tools_seen_by_the_official_client(url: str) -> list[str]:
    """Log in with the SDK's own OAuthClientProvider and list the tools."""
    callback = Callback()
    async with callback.listening():
        provider = OAuthClientProvider(
            server_url=url,
            client_metadata=OAuthClientMetadata(
                client_name="the official client",
                redirect_uris=[AnyUrl(callback.uri)],
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",
                application_type="native",
            ),
            storage=Memory(),
            redirect_handler=callback.open_browser,
            callback_handler=callback.wait,
        )
        async with (
            httpx2.AsyncClient(auth=provider, trust_env=False, timeout=30) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return [tool.name for tool in (await client.list_tools()).tools]
