"""LAB-01 to LAB-05: how a client finds the metadata of the resource, and then the authorization server's."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import CUSTOM_METADATA
from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage
from mcp_vacuum.lab.messages import App, Request, Response, json_response, text_response

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SERVER_WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
TRAPS = ("/authorize", "/token", "/register")
OTHER_ORIGIN = "https://other.example/mcp"


def custom_url(stage: Stage) -> str:
    """Return the URL of `CUSTOM_METADATA`."""
    return stage.lab.mcp_url.removesuffix("/mcp") + CUSTOM_METADATA


def challenged(*lines: str, decoys: bool = False) -> Arrange:
    """Move the metadata to `CUSTOM_METADATA`, and name it in these challenges; `{url}` in them is its URL.

    Args:
        lines: The WWW-Authenticate headers.
        decoys: The well-known URLs answer too.
    """

    def arrange(stage: Stage) -> None:
        stage.lab.faults.challenge = tuple(line.replace("{url}", custom_url(stage)) for line in lines)
        stage.twist(lambda request, app: _moved(stage, request, app, decoys))

    return arrange


def _moved(stage: Stage, request: Request, app: App, decoys: bool) -> Response:
    path = urlsplit(stage.lab.resource_metadata_url).path
    if request.path == CUSTOM_METADATA or (decoys and request.path.startswith(WELL_KNOWN)):
        return app(replace(request, path=path))
    return text_response(404) if request.path.startswith(WELL_KNOWN) else app(request)


def _named(resource: str) -> Arrange:
    """Let the metadata name another path of the MCP server's origin."""

    def arrange(stage: Stage) -> None:
        stage.lab.faults.wrong_resource = stage.lab.mcp_url.removesuffix("/mcp") + resource

    return arrange


def trapped(stage: Stage) -> None:
    """Let the MCP server's origin look like an authorization server, which nobody was sent to."""
    origin = stage.lab.mcp_url.removesuffix("/mcp")

    def twist(request: Request, app: App) -> Response:
        if request.headers.get("host") != urlsplit(origin).netloc:
            return app(request)
        if request.path.startswith(SERVER_WELL_KNOWN):
            return json_response(_decoy(origin))
        return text_response(400) if request.path in TRAPS else app(request)

    stage.twist(twist)


def _decoy(origin: str) -> dict[str, object]:
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/authorize",
        "token_endpoint": f"{origin}/token",
        "registration_endpoint": f"{origin}/register",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
    }


SCENARIOS = (
    Scenario(
        "LAB-01/two-lines",
        "the challenge for Basic comes in a header before the one for Bearer",
        arrange=challenged('Basic realm="a"', 'Bearer resource_metadata="{url}"'),
    ),
    Scenario(
        "LAB-01/one-line",
        "a challenge for Basic and one for Bearer share a header",
        arrange=challenged('Basic realm="a, b", Bearer realm="c", resource_metadata="{url}"'),
    ),
    Scenario(
        "LAB-01/quoting",
        "a quoted text with commas and escaped quotes comes before resource_metadata",
        arrange=challenged(
            'Bearer error_description="no, \\"resource_metadata=\\", sorry", resource_metadata="{url}"'
        ),
    ),
    Scenario(
        "LAB-01/case",
        "the challenge is written BEARER and Resource_Metadata",
        arrange=challenged('BEARER Resource_Metadata="{url}"'),
    ),
    Scenario(
        "LAB-02/challenge",
        "the challenge names metadata of its own, and the well-known URLs answer too",
        arrange=challenged('Bearer resource_metadata="{url}"', decoys=True),
    ),
    Scenario(
        "LAB-02/path",
        "the challenge names no metadata, which lies at the well-known URL with the path",
        config=replace(HONEST, challenge_hints=False),
    ),
    Scenario(
        "LAB-02/root",
        "the challenge names no metadata, which lies at the well-known URL of the origin",
        config=replace(HONEST, challenge_hints=False, prm_location="root"),
    ),
    Scenario(
        "LAB-03/other-origin", "the metadata is of another resource", faults={"wrong_resource": OTHER_ORIGIN}
    ),
    Scenario("LAB-03/origin", "the metadata is of the server's whole origin", arrange=_named("")),
    Scenario("LAB-03/sibling", "the metadata is of a sibling path", arrange=_named("/other")),
    Scenario(
        "LAB-04", "the MCP server's origin looks like an authorization server, and is none", arrange=trapped
    ),
    Scenario(
        "LAB-05/third",
        "an issuer with a path has its metadata at the third URL only",
        config=replace(HONEST, issuer_path="/tenant", metadata_form="openid"),
    ),
    Scenario(
        "LAB-05/openid",
        "an issuer without a path has OpenID metadata only",
        config=replace(HONEST, metadata_form="openid"),
    ),
)
