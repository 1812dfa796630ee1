"""The client under test for the MCP conformance suite, and an example of a program that logs in by itself.

    MCP_CONFORMANCE_SCENARIO=auth/metadata-default python client.py http://127.0.0.1:PORT/mcp

mcp-vacuum does all of the authorization; the official SDK speaks MCP. Everything stays in memory: no vault,
no agent, nothing under HOME. It needs only `mcp-vacuum[mcp]`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError, types
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client

from mcp_vacuum import (
    Authorize,
    ClientCredentials,
    GrantOptions,
    InteractiveSource,
    LoginOptions,
    MachineSource,
    Secret,
    TokenSource,
    VacuumAuth,
)

# A document that the suite's authorization server takes for ours; it is never fetched there.
METADATA_DOCUMENT = "https://conformance-test.local/client-metadata.json"
# The version of the protocol that begins with `server/discover`; the older ones begin with `initialize`.
MODERN = "2026-07-28"


# --- authorization: mcp-vacuum -----------------------------------------------------------------------


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
        # Servers of 2025-03-26 have no metadata to tell them by, so the shape is allowed for every server
        # here. A real program turns it on for one server that is known to be that old.
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
    # An identifier and a secret are what a person's pre-registered client has too: only the name tells.
    if os.environ.get("MCP_CONFORMANCE_SCENARIO") == "auth/client-credentials-basic":
        return GrantOptions(grant="client_credentials", client=pre_registered(context))
    return None


# --- messages: the official SDK ----------------------------------------------------------------------


async def agree(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Fill in a form with its defaults, as a person who presses Enter; visit no address that it names."""
    if not isinstance(params, types.ElicitRequestFormParams):
        return types.ElicitResult(action="decline")
    fields = params.requested_schema.get("properties", {})
    required = params.requested_schema.get("required", [])
    content = {
        name: example(field, params.requested_schema)
        for name, field in fields.items()
        if "default" in field or name in required
    }
    return types.ElicitResult(action="accept", content=content)


def calls(tools: list[types.Tool], context: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the calls that the context lists, or else one of every tool: name and arguments."""
    if "toolCalls" in context:
        for call in context["toolCalls"]:
            yield call["name"], call["arguments"]
        return
    for tool in tools:
        yield tool.name, arguments_for(tool, tools)


def arguments_for(tool: types.Tool, tools: list[types.Tool]) -> dict[str, Any]:
    """Make the arguments that the tool requires."""
    schema = tool.input_schema
    arguments: dict[str, Any] = example({**schema, "type": "object"}, schema)
    for name in arguments:
        # A tool that wants the schema of another tool back, as it was listed, says so by that tool's name.
        described = schema["properties"][name].get("description", "")
        for other in tools:
            if other.name in described and arguments[name] == {}:
                arguments[name] = other.input_schema
    return arguments


def example(schema: dict[str, Any], root: dict[str, Any], depth: int = 8) -> Any:
    """Make a value of a JSON schema, with its required properties. References are followed in `root` only."""
    if depth == 0:
        return None
    if schema.get("$ref", "").startswith("#/"):
        target: Any = root
        for step in schema["$ref"][2:].split("/"):
            target = target[step]
        return example(target, root, depth - 1)
    for choice in ("default", "const"):
        if choice in schema:
            return schema[choice]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        return {name: example(fields.get(name, {}), root, depth - 1) for name in schema.get("required", [])}
    return {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "array": []}.get(
        schema.get("type", "")
    )


async def main(server_url: str) -> None:
    """Connect, list the tools, call them."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "")
    auth = VacuumAuth(source_for(server_url, context))
    async with httpx2.AsyncClient(auth=auth, timeout=30.0, trust_env=False) as http:
        transport = streamable_http_client(server_url, http_client=http)
        mode = "auto" if version == MODERN else "legacy"
        async with Client(transport, mode=mode, elicitation_callback=agree) as client:
            tools = (await client.list_tools()).tools
            for name, arguments in calls(tools, context):
                try:
                    await client.call_tool(name, arguments)
                except (MCPError, ValueError) as error:
                    # The server's own error, or (ValueError) an answer that the SDK's models do not take,
                    # such as a result without `resultType`. It is this call's; the next may do better.
                    print(f"{name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    anyio.run(main, sys.argv[-1])
