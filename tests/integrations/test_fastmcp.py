"""The drop-in for FastMCP: its signature, its late binding, its keys, and its `Client`."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.auth import OAuth as Original
from fastmcp.client.auth.oauth import TokenStorageAdapter
from fastmcp.client.transports import StreamableHttpTransport
from key_value.aio.stores.memory import MemoryStore

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import LoginDeclined, RegistrationError
from mcp_vacuum.integrations.fastmcp import OAuth
from mcp_vacuum.lab import Lab
from tests.helpers import AGREES, refreshes

from .originals.kit import call, consents


async def tools(url: str, auth: httpx2.Auth) -> list[str]:
    async with Client(url, auth=auth) as client:
        return [tool.name for tool in await client.list_tools()]


def nobody(listener: LoopbackListener, timeout: float) -> Person:
    """A browser opens, and the person went to lunch."""
    return BrowserVisit(listener, timeout=timeout, opener=lambda url: True)


TOOLS = ["add", "whoami", "time"]


class TestSignature:
    def test_the_originals_arguments_come_first(self) -> None:
        original = inspect.signature(Original.__init__).parameters
        ours = inspect.signature(OAuth.__init__).parameters
        extras = list(ours.values())[len(original) :]

        assert list(ours)[: len(original)] == list(original)
        assert [ours[name].default for name in original] == [p.default for p in original.values()]
        assert all(extra.kind is inspect.Parameter.KEYWORD_ONLY for extra in extras)

    def test_nothing_of_the_originals_flow_is_left(self) -> None:
        for name in ("async_auth_flow", "sync_auth_flow", "_bind", "__init__"):
            assert getattr(OAuth, name) is not getattr(Original, name)

    def test_without_a_url_it_says_so(self, vacuum_lab: Lab) -> None:
        with pytest.raises(RuntimeError, match="no server URL"):
            asyncio.run(call(OAuth(ways=AGREES), vacuum_lab.mcp_url))

    def test_a_client_of_another_issuer_is_not_shown_to_this_one(self, vacuum_lab: Lab) -> None:
        auth = OAuth(vacuum_lab.mcp_url, ways=AGREES, client_id="mine", issuer="https://another.example")
        with pytest.raises(RegistrationError, match="is registered at"):
            asyncio.run(call(auth, vacuum_lab.mcp_url))

        assert vacuum_lab.recorder.to("/authorize") == ()

    def test_the_transport_binds_it(self, vacuum_lab: Lab) -> None:
        auth = OAuth(ways=AGREES)
        transport = StreamableHttpTransport(vacuum_lab.mcp_url, auth=auth)

        assert transport.auth is auth
        assert auth.mcp_url == vacuum_lab.mcp_url


class TestClient:
    def test_fastmcps_client_logs_in_and_lists_tools(self, vacuum_lab: Lab) -> None:
        assert asyncio.run(tools(vacuum_lab.mcp_url, OAuth(ways=AGREES))) == TOOLS
        assert consents(vacuum_lab) == 1

    def test_with_the_browser_of_this_machine(self, vacuum_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BROWSER", f"{sys.executable} -m mcp_vacuum.lab.user %s")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))

        assert asyncio.run(tools(vacuum_lab.mcp_url, OAuth())) == TOOLS

    def test_the_storage_has_the_originals_keys_and_no_access_token(self, vacuum_lab: Lab) -> None:
        storage = MemoryStore()
        asyncio.run(tools(vacuum_lab.mcp_url, OAuth(token_storage=storage, ways=AGREES)))
        kept = asyncio.run(TokenStorageAdapter(storage, vacuum_lab.mcp_url).get_tokens())

        assert kept is not None
        assert kept.access_token == ""
        assert kept.refresh_token == vacuum_lab.issued_refresh_tokens[-1]

    def test_a_login_of_the_original_is_imported(
        self, vacuum_lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from .originals.kit import browse

        monkeypatch.setattr("webbrowser.open", browse)
        storage = MemoryStore()
        with pytest.warns(UserWarning, match="in-memory"):
            original = Original(vacuum_lab.mcp_url, token_storage=storage)
        assert asyncio.run(tools(vacuum_lab.mcp_url, original)) == TOOLS
        vacuum_lab.recorder.clear()

        assert asyncio.run(tools(vacuum_lab.mcp_url, OAuth(token_storage=storage))) == TOOLS
        assert len(refreshes(vacuum_lab)) == 1
        assert consents(vacuum_lab) == 0

    def test_a_cancelled_login_does_not_hold_the_program(self, vacuum_lab: Lab) -> None:
        async def run() -> None:
            async with asyncio.timeout(0.5):
                await call(OAuth(vacuum_lab.mcp_url, ways=nobody), vacuum_lab.mcp_url)

        with pytest.raises(TimeoutError):
            asyncio.run(run())

    def test_nobody_answers(self, vacuum_lab: Lab) -> None:
        auth = OAuth(vacuum_lab.mcp_url, callback_timeout=0.3, ways=nobody)
        with pytest.raises(LoginDeclined):
            asyncio.run(call(auth, vacuum_lab.mcp_url))


class TestOptions:
    def log_in(self, lab: Lab, **given: Any) -> None:
        asyncio.run(call(OAuth(lab.mcp_url, ways=AGREES, **given), lab.mcp_url))

    def test_a_registration_says_what_the_caller_said(self, vacuum_lab: Lab) -> None:
        self.log_in(
            vacuum_lab,
            client_name="Mine",
            scopes=["mcp:tools"],
            additional_client_metadata={"software_id": "7"},
        )
        sent = vacuum_lab.recorder.to("/register")[0].json

        assert isinstance(sent, dict)
        assert (sent["client_name"], sent["software_id"]) == ("Mine", "7")
        assert sent["token_endpoint_auth_method"] == "none"
        assert sent["redirect_uris"][0].startswith("http://localhost:")
        assert vacuum_lab.recorder.to("/authorize")[0].query["scope"] == ("mcp:tools offline_access",)

    def test_host_and_port_of_the_callback(self, vacuum_lab: Lab, unused_port: int) -> None:
        self.log_in(vacuum_lab, callback_host="127.0.0.1", callback_port=unused_port)

        uri = vacuum_lab.recorder.to("/authorize")[0].query["redirect_uri"]
        assert uri == (f"http://127.0.0.1:{unused_port}/callback",)

    def test_a_client_with_a_secret(self, vacuum_lab: Lab, unused_port: int) -> None:
        vacuum_lab.add_client(
            "mine",
            client_secret="s3cret",
            redirect_uris=(f"http://localhost:{unused_port}/callback",),
            auth_method="client_secret_post",
        )
        self.log_in(vacuum_lab, client_id="mine", client_secret="s3cret", callback_port=unused_port)

        assert not vacuum_lab.recorder.to("/register")
        assert [r.status for r in vacuum_lab.recorder.to("/token")] == [200]

    @pytest.fixture
    def unused_port(self) -> int:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port
