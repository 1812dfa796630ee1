"""The official MCP client logs in to the lab: a witness that owes us nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from mcp_vacuum.lab import Lab, LabConfig, User

from .plain import CALLBACK, query

pytest.importorskip("mcp")

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


@dataclass
class Witness:
    """The SDK's own flow; only the person and the storage are ours."""

    lab: Lab
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    end: str = field(default="", init=False)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def open_browser(self, url: str) -> None:
        self.end = await asyncio.to_thread(User().visit, url)

    async def callback(self) -> AuthorizationCodeResult:
        params = query(self.end)
        return AuthorizationCodeResult(
            code=params["code"][0], state=params["state"][0], iss=params.get("iss", [None])[0]
        )

    async def tools(self, pauses: tuple[float, ...] = ()) -> list[str]:
        metadata = OAuthClientMetadata.model_validate(
            {"redirect_uris": [CALLBACK], "client_name": "witness", "token_endpoint_auth_method": "none"}
        )
        auth = OAuthClientProvider(self.lab.mcp_url, metadata, self, self.open_browser, self.callback)
        async with httpx2.AsyncClient(auth=auth) as http:
            transport = streamable_http_client(self.lab.mcp_url, http_client=http)
            async with Client(transport) as client:
                who = await client.call_tool("whoami")
                assert who.structured_content is not None
                assert who.structured_content["subject"] == "ada"
                for pause in pauses:
                    await asyncio.sleep(pause)
                    await client.list_resources()
                return [tool.name for tool in (await client.list_tools()).tools]


TOOLS = ["add", "whoami", "time"]


@pytest.mark.parametrize(
    "config",
    [
        LabConfig(),
        LabConfig(issuer_path="/tenant"),
        LabConfig(issuer_path="/tenant", metadata_form="openid"),
        LabConfig(metadata_form="openid"),
        LabConfig(prm_location="root"),
        LabConfig(challenge_hints=False),
        LabConfig(iss_parameter=False),
        LabConfig(same_origin=True),
        LabConfig(token_endpoint_auth_methods=("client_secret_basic",)),
        LabConfig(token_endpoint_auth_methods=("client_secret_post",)),
    ],
    ids=str,
)
def test_it_logs_in_and_lists_tools(config: LabConfig) -> None:
    with Lab(config) as lab:
        assert asyncio.run(Witness(lab).tools()) == TOOLS
        assert [r.status for r in lab.recorder.to("/token")] == [200]


def test_a_well_hinted_first_login_takes_five_requests_before_the_consent_and_token() -> None:
    with Lab() as lab:
        asyncio.run(Witness(lab).tools())

        assert [(r.method, r.path, r.status) for r in lab.recorder.requests[:7]] == [
            ("POST", "/mcp", 401),
            ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
            ("GET", "/.well-known/oauth-authorization-server", 200),
            ("POST", "/register", 201),
            ("GET", "/authorize", 200),
            ("POST", "/consent", 303),
            ("POST", "/token", 200),
        ]


def test_an_open_server_needs_no_login() -> None:
    async def tools(url: str) -> list[str]:
        async with Client(url) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    with Lab(LabConfig(require_login=False)) as lab:
        assert asyncio.run(tools(lab.mcp_url)) == TOOLS
        assert not [r for r in lab.recorder.requests if r.server == "authorization"]


def test_it_takes_the_lab_for_a_server_of_2025_03_26() -> None:
    config = LabConfig(same_origin=True, challenge_hints=False, require_resource=False, iss_parameter=False)
    with Lab(config) as lab:
        lab.faults.metadata_status = lab.faults.resource_metadata_status = 404

        assert asyncio.run(Witness(lab).tools()) == TOOLS
        assert not [r for r in lab.recorder.requests if "/.well-known/" in r.path and r.status != 404]


def test_it_refreshes_an_expired_token_with_the_rotated_one() -> None:
    with Lab(LabConfig(access_token_lifetime=1)) as lab:
        assert asyncio.run(Witness(lab).tools(pauses=(1.1, 1.1))) == TOOLS

        grants = [r.form["grant_type"][0] for r in lab.recorder.to("/token")]
        assert grants == ["authorization_code", "refresh_token", "refresh_token"]
        assert lab.refresh_tokens_seen() == lab.issued_refresh_tokens[:2]
        assert lab.reuse_detected == 0


def test_an_issuer_of_another_name_makes_it_refuse() -> None:
    with Lab() as lab:
        lab.faults.wrong_issuer = "https://attacker.example"
        with pytest.raises(BaseException):  # noqa: B017  (an exception group of the SDK's choice)
            asyncio.run(Witness(lab).tools())

        assert not lab.recorder.to("/register")
        assert not lab.recorder.to("/authorize")
