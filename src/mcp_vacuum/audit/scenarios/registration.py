"""LAB-18 and LAB-19: registrations that fail or come back changed, and a resource that changes its server."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.marks import UNREGISTERED_METHOD
from mcp_vacuum.audit.scenarios.scenario import HONEST, Scenario, Stage
from mcp_vacuum.audit.scenarios.tokens import after_calls, expire
from mcp_vacuum.lab.messages import App, Request, Response


def _switch(stage: Stage) -> None:
    """From now on the resource's metadata names the other authorization server, and only its tokens count."""
    stage.lab.faults.resource_metadata_override = {"authorization_servers": [stage.other.issuer]}
    stage.twist(lambda request, app: _of_the_other(stage, request, app))


def _of_the_other(stage: Stage, request: Request, app: App) -> Response:
    """Take the other server's tokens in place of those of the first, which the laboratory knows."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    if request.path != "/mcp" or not token:
        return app(request)
    known = stage.lab.issued_access_tokens[0] if token in stage.other.issued_access_tokens else "refused"
    return app(replace(request, headers={**request.headers, "authorization": f"Bearer {known}"}))


def _for_any_resource(stage: Stage) -> None:
    """Let the other server issue tokens whatever `resource` says: it is the first MCP server's."""
    stage.twist(without_resource, 1)


def without_resource(request: Request, app: App) -> Response:
    """Answer as a server that does not know resource indicators."""
    query = {name: values for name, values in request.query.items() if name != "resource"}
    form = {name: values for name, values in request.form.items() if name != "resource"}
    return app(replace(request, query=query, form=form))


def _switch_later(stage: Stage) -> None:
    _for_any_resource(stage)
    after_calls(2, then=_switch)(stage)


def _move_endpoint(stage: Stage) -> None:
    """The same server names a token endpoint at another origin, and its access tokens end."""
    stage.lab.faults.metadata_override = {"token_endpoint": f"{stage.other.issuer}/token"}
    expire(stage)


SCENARIOS = (
    Scenario(
        "LAB-18/invalid-redirect",
        "the registration is refused with invalid_redirect_uri",
        faults={"registration_error": "invalid_redirect_uri"},
    ),
    Scenario("LAB-18/403", "the registration is answered with 403", faults={"registration_status": 403}),
    Scenario("LAB-18/500", "the registration is answered with 500", faults={"registration_status": 500}),
    Scenario("LAB-18/html", "the registration is answered with a page", faults={"registration_html": True}),
    Scenario(
        "LAB-18/redirect",
        "the server registers another redirect URI than was asked for",
        faults={"registration_changes_redirect": True},
    ),
    Scenario(
        "LAB-18/method",
        f"the server registers {UNREGISTERED_METHOD}, for which the client gave no key",
        faults={"registration_override": {"token_endpoint_auth_method": UNREGISTERED_METHOD}},
    ),
    Scenario(
        "LAB-18/cimd", "the server takes client ID metadata documents", config=replace(HONEST, cimd=True)
    ),
    Scenario(
        "LAB-18/assertion",
        "the server wants clients to authenticate with an assertion",
        faults={
            "metadata_override": {"token_endpoint_auth_methods_supported": [UNREGISTERED_METHOD]},
            "registration_override": {"token_endpoint_auth_method": UNREGISTERED_METHOD},
        },
    ),
    Scenario(
        "LAB-19/session",
        "in the middle of a session the metadata names another authorization server",
        others=(HONEST,),
        arrange=_switch_later,
    ),
    Scenario(
        "LAB-19/restart",
        "between two starts the metadata comes to name another authorization server",
        others=(HONEST,),
        arrange=_for_any_resource,
        again=(_switch,),
    ),
    Scenario(
        "LAB-19/endpoint",
        "between two starts the token endpoint moves to another origin",
        others=(HONEST,),
        again=(_move_endpoint,),
    ),
)
