"""A client of the official MCP SDK, as its documentation says: `python sdk.py URL`."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.interop.witness import PAGE, Memory


async def main(url: str) -> None:
    """Log in, list the tools and call one."""
    redirect: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        if not redirect.done():
            redirect.set_result(line)
        writer.write(PAGE)
        await writer.drain()
        writer.close()

    async def show(url: str) -> None:
        await asyncio.to_thread(webbrowser.open, url)

    async def wait() -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(await asyncio.wait_for(redirect, 8)).query)
        return AuthorizationCodeResult(
            code=query.get("code", [""])[0],
            state=query.get("state", [None])[0],
            iss=query.get("iss", [None])[0],
        )

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = OAuthClientProvider(
            server_url=url,
            client_metadata=OAuthClientMetadata(
                client_name="a client of the SDK",
                redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")],
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",
                application_type="native",
            ),
            storage=Memory(),
            redirect_handler=show,
            callback_handler=wait,
        )
        async with (
            httpx2.AsyncClient(auth=provider, timeout=10, follow_redirects=True) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            print([tool.name for tool in (await client.list_tools()).tools])
            await client.call_tool("add", {"a": 2, "b": 3})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
