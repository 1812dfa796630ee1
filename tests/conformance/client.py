"""The client under test for the MCP conformance suite, and an example of a program that logs in by itself.

    MCP_CONFORMANCE_SCENARIO=auth/metadata-default python client.py http://127.0.0.1:PORT/mcp

mcp-vacuum does all of the authorization; the official SDK speaks MCP. Everything stays in memory: no vault, no
agent, nothing under HOME. It needs only `mcp-vacuum[mcp]`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.integrations.interactive import InteractiveSource, MachineSource
from mcp_vacuum.login import LoginOptions
from mcp_vacuum.machine import GrantOptions
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.tokens.source import TokenSource

# A document that the suite's authorization server takes for ours; it is never fetched there.
METADATA_DOCUMENT = "https://conformance-test.local/client-metadata.json"
# The two versions of the protocol with the stateless lifecycle and without.
MODERN = "2026-07-28"


class Visitor:
    """Stands in for the browser: the suite's authorization server answers with a redirect at once."""

    def visit(self, authorize: Authorize) -> str:
        """Visit the authorization URL and return where it redirects to."""
        answer = httpx2.get(authorize.url, follow_redirects=False, trust_env=False)
        return answer.headers["location"]


def source_for(server_url: str, context: dict[str, Any]) -> TokenSource:
    """Pick the grant that the scenario's context describes."""
    grant = grant_for(context)
    if grant is not None:
        return MachineSource(server_url, grant)
    options = LoginOptions(
        client=pre_registered(context),
        client_metadata_url=METADATA_DOCUMENT,
        # Servers of 2025-03-26 have no metadata to tell them by, so the shape is allowed for every server here.
        # A real program turns it on for one server that is known to be that old.
        legacy=True,
    )
    return InteractiveSource(server_url, options, ways=lambda _listener, _timeout: Visitor())


def pre_registered(context: dict[str, Any]) -> ClientCredentials | None:
    """Return the client that the context gives, if it gives one."""
    if "client_id" not in context:
        return None
    secret = context.get("client_secret")
    return ClientCredentials(client_id=context["client_id"], client_secret=Secret(secret) if secret else None)


def grant_for(context: dict[str, Any]) -> GrantOptions | None:
    """Return the machine grant that the context describes, if it describes one."""
    if "idp_id_token" in context:
        return GrantOptions(
            grant="id_jag",
            client=pre_registered(context),
            subject_token=Secret(context["idp_id_token"]),
            idp_token_endpoint=context["idp_token_endpoint"],
            idp_client_id=context["idp_client_id"],
        )
    if "valid_jwt" in context:
        return GrantOptions(
            grant="jwt_bearer", client=pre_registered(context), subject_token=Secret(context["valid_jwt"])
        )
    if "private_key_pem" in context:
        key = Secret(context["private_key_pem"])
        client = ClientCredentials(
            client_id=context["client_id"], private_key=key, signing_alg=context["signing_algorithm"]
        )
        return GrantOptions(grant="client_credentials", client=client)
    if os.environ["MCP_CONFORMANCE_SCENARIO"] == "auth/client-credentials-basic":
        return GrantOptions(grant="client_credentials", client=pre_registered(context))
    return None


async def main(server_url: str) -> None:
    """Connect, list the tools, call one."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "")
    auth = VacuumAuth(source_for(server_url, context))
    async with httpx2.AsyncClient(auth=auth, timeout=30.0, trust_env=False) as http:
        transport = streamable_http_client(server_url, http_client=http)
        async with Client(transport, mode=version if version == MODERN else "legacy") as client:
            tools = (await client.list_tools()).tools
            for tool in tools[:1]:
                await client.call_tool(tool.name, {})


if __name__ == "__main__":
    anyio.run(main, sys.argv[-1])
