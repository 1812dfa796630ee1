"""LAB-26 and LAB-30 to LAB-32: nothing dangerous, but other scopes, other methods, an expiry, more output."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.scenarios.scenario import HONEST, Scenario, Stage
from mcp_vacuum.lab.messages import App, Request, Response

UNLISTED = "mcp:admin"
"""A scope that the laboratory grants, and lists nowhere."""
_LOUD = {
    "DEBUG": "*",
    "LOG_LEVEL": "DEBUG",
    "LOGLEVEL": "DEBUG",
    "FASTMCP_LOG_LEVEL": "DEBUG",
    "FASTMCP_CLIENT_LOG_LEVEL": "debug",
    "MCP_LOG_LEVEL": "DEBUG",
    "PYTHONDEVMODE": "1",
    "RUST_LOG": "debug",
    "VERBOSE": "1",
}
"""What turns up the logs of clients in several languages."""
CALLS_UNTIL_EXPIRY = 2


def _ends_after_two_calls(stage: Stage) -> None:
    """Let everything that was granted end, once, after the client used its token twice."""
    seen: list[Request] = []

    def twist(request: Request, app: App) -> Response:
        response = app(request)
        if request.path == "/mcp" and "authorization" in request.headers:
            with stage.lock:
                seen.append(request)
                due = len(seen) == CALLS_UNTIL_EXPIRY
            if due:
                stage.lab.revoke_everything()
        return response

    stage.twist(twist)


SCENARIOS = (
    Scenario("LAB-26", "nothing misbehaves, and every switch for more output is on", environment=_LOUD),
    Scenario(
        "LAB-30/challenge",
        "the challenge asks for a scope that is listed nowhere",
        config=replace(HONEST, challenge_scopes=("mcp:tools", UNLISTED)),
    ),
    Scenario(
        "LAB-30/listed",
        "the challenge names no scope, the metadata lists some",
        config=replace(HONEST, challenge_hints=False),
    ),
    Scenario(
        "LAB-30/none",
        "no scope is named anywhere",
        config=replace(HONEST, challenge_hints=False, offline_access=False),
        faults={
            "resource_metadata_override": {"scopes_supported": "absent"},
            "metadata_override": {"scopes_supported": "absent"},
        },
    ),
    Scenario(
        "LAB-30/no-offline",
        "the server lists no offline_access",
        config=replace(HONEST, offline_access=False),
    ),
    Scenario("LAB-31", "everything that was granted ends after two calls", arrange=_ends_after_two_calls),
    *(
        Scenario(
            f"LAB-32/{method}",
            f"the server wants clients to authenticate with client_secret_{method}",
            config=replace(HONEST, token_endpoint_auth_methods=(f"client_secret_{method}",)),
        )
        for method in ("basic", "post")
    ),
)
