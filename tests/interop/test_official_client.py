"""The witness: the official MCP client logs in to every server of these tests too."""

import asyncio

import pytest
from mcp.client.auth import OAuthFlowError

from .running import ProtectedServer, get
from .witness import tools_seen_by_the_official_client

WITNESSED = (
    "sdk_server",
    "fastmcp_own",
    "fastmcp_path",
    pytest.param("fastmcp_proxy", marks=pytest.mark.long),
)


@pytest.mark.parametrize("name", WITNESSED)
def test_the_official_client_logs_in_too(name: str, request: pytest.FixtureRequest) -> None:
    server: ProtectedServer = request.getfixturevalue(name)

    assert asyncio.run(tools_seen_by_the_official_client(server.url)) == [server.tool]


def test_a_root_issuer_behind_fastmcp_stops_the_official_client(fastmcp_remote: ProtectedServer) -> None:
    """Why mcp-vacuum has the quirk `issuer-root-slash`."""
    metadata = get(fastmcp_remote.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")).json()
    assert metadata["authorization_servers"] == [fastmcp_remote.issuer + "/"]

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(tools_seen_by_the_official_client(fastmcp_remote.url))

    mismatch, _ = caught.value.split(OAuthFlowError)
    assert mismatch is not None
