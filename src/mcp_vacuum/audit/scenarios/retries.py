"""LAB-22, LAB-23 and LAB-25: redirects, refusals for ever, and a token endpoint that fails."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage
from mcp_vacuum.lab.messages import App, Request, Response, redirect, text_response

MORE = "mcp:admin"
"""A scope that can be had by asking."""
NEVER = "mcp:never"
"""A scope that cannot be had."""


def _calls_lead_elsewhere(status: int) -> Arrange:
    """Redirect every call with a token to another origin."""

    def arrange(stage: Stage) -> None:
        def twist(request: Request, app: App) -> Response:
            with_token = request.path == "/mcp" and "authorization" in request.headers
            return redirect(stage.other.mcp_url, status) if with_token else app(request)

        stage.twist(twist)

    return arrange


def _old_transport(stage: Stage) -> None:
    """Speak HTTP with SSE of 2024-11-05, whose endpoint is at another origin."""

    def twist(request: Request, app: App) -> Response:
        if request.path != "/mcp" or "authorization" not in request.headers:
            return app(request)
        if request.method != "GET":
            return text_response(405, headers=(("Allow", "GET"),))
        event = f"event: endpoint\ndata: {stage.other.mcp_url}\n\n"
        return Response(200, event.encode(), (("Content-Type", "text/event-stream"),))

    stage.twist(twist)


def _declined_once(stage: Stage) -> None:
    """The first login ends with an error; the next start finds everything in order."""
    stage.lab.faults.authorize_error = "server_error"


def _in_order(stage: Stage) -> None:
    stage.lab.faults.authorize_error = None


def _fails_once(name: str, what: str, **faults: object) -> Scenario:
    return Scenario(f"LAB-25/{name}", what, faults={"token_times": 1, **faults})


SCENARIOS = (
    *(
        Scenario(
            f"LAB-22/{status}",
            f"the MCP server answers calls with {status} to another origin",
            arrange=_calls_lead_elsewhere(status),
            others=(HONEST,),
        )
        for status in (301, 302, 307, 308)
    ),
    Scenario(
        "LAB-22/sse",
        "the endpoint event of the old transport names another origin",
        arrange=_old_transport,
        others=(HONEST,),
    ),
    Scenario("LAB-23/401", "the MCP server refuses every token", faults={"mcp_always_401": True}),
    Scenario(
        "LAB-23/403",
        "the MCP server asks every token for a scope that cannot be had",
        faults={"mcp_insufficient_scope": NEVER},
    ),
    Scenario(
        "LAB-23/step-up",
        "the MCP server asks for a scope more",
        config=replace(HONEST, challenge_scopes=("mcp:tools",)),
        faults={"mcp_insufficient_scope": MORE},
    ),
    _fails_once("500", "the token endpoint answers 500 once", token_status=500),
    _fails_once("reset", "the token endpoint resets the connection once", token_reset_before=True),
    _fails_once("half", "half of the token response arrives", token_half_body=True),
    Scenario(
        "LAB-25/target", "the token endpoint answers invalid_target", faults={"token_error": "invalid_target"}
    ),
    Scenario(
        "LAB-25/target-asked",
        "the authorization endpoint answers invalid_target",
        faults={"authorize_error": "invalid_target"},
    ),
    Scenario(
        "LAB-25/again", "the first login ends with an error", arrange=_declined_once, again=(_in_order,)
    ),
    Scenario(
        "LAB-25/again-token",
        "the first login ends with an error of the token endpoint",
        faults={"token_error": "invalid_grant", "token_times": 1},
        again=(_in_order,),
    ),
)
