"""LAB-06, LAB-07 and LAB-09: metadata of others, metadata without measure, and redirects."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from mcp_vacuum.audit.scenarios.discovery import SERVER_WELL_KNOWN
from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage
from mcp_vacuum.lab.messages import App, Request, Response, redirect

BIG = 10 * 1024 * 1024
UNPACKED = 2 * BIG
HOPS = 30
OTHER_ISSUER = "https://accounts.other.example"
_TENANT = replace(HONEST, issuer_path="/tenant")
"""Who uses other endpoints than those below this path has guessed them."""
_LONG = 16.0
"""Seconds of silence in which a client should have given up."""


def _by_name(stage: Stage) -> None:
    """Name the authorization server `localhost`, and let its own metadata write that in capitals."""
    port = urlsplit(stage.lab.issuer).port
    stage.lab.faults.resource_metadata_override = {"authorization_servers": [f"http://localhost:{port}"]}
    stage.lab.faults.wrong_issuer = f"http://LOCALHOST:{port}"


def _slash(stage: Stage) -> None:
    stage.lab.faults.wrong_issuer = f"{stage.lab.issuer}/"


def _percent(stage: Stage) -> None:
    stage.lab.faults.wrong_issuer = stage.lab.issuer.replace("/tenant", "/%74enant")


def answered_with(change: Callable[[Response], Response]) -> Arrange:
    """Change the authorization server's metadata on its way."""

    def arrange(stage: Stage) -> None:
        def twist(request: Request, app: App) -> Response:
            response = app(request)
            return change(response) if request.path.startswith(SERVER_WELL_KNOWN) else response

        stage.twist(twist)

    return arrange


def _bomb(response: Response) -> Response:
    """Return the document with padding that gzip makes small."""
    padded = b'{"padding": "' + b"x" * UNPACKED + b'", ' + response.body.strip()[1:]
    return replace(
        response,
        body=gzip.compress(padded, 1),
        headers=(*response.headers, ("Content-Encoding", "gzip")),
    )


def _nested(response: Response) -> Response:
    deep = b'{"deep": ' + b"[" * 10_000 + b"]" * 10_000 + b", " + response.body.strip()[1:]
    return replace(response, body=deep)


def _listed(response: Response) -> Response:
    return replace(response, body=b"[" + response.body + b"]")


def _hops(stage: Stage) -> None:
    """Let the metadata be at the end of a chain of redirects within the same origin."""
    issuer = stage.lab.issuer

    def twist(request: Request, app: App) -> Response:
        well_known, _, hop = request.path.partition("/hop/")
        if not well_known.startswith(SERVER_WELL_KNOWN[0]):
            return app(request)
        number = int(hop or 0)
        if number >= HOPS:
            return app(replace(request, path=well_known))
        return redirect(f"{issuer}{well_known}/hop/{number + 1}", 302)

    stage.twist(twist)


def _to_the_other(stage: Stage) -> None:
    """Redirect the metadata to another origin, which answers with the same document."""
    well_known = SERVER_WELL_KNOWN[0]
    honest: list[Response] = []

    def here(request: Request, app: App) -> Response:
        if not request.path.startswith(well_known):
            return app(request)
        honest.append(app(request))
        return redirect(f"{stage.other.issuer}{well_known}", 302)

    stage.twist(here)
    stage.twist(lambda request, app: honest[-1] if request.path == well_known and honest else app(request), 1)


def _token_to_the_other(stage: Stage) -> None:
    """Redirect the token request with its body to another origin."""
    target = f"{stage.other.issuer}/token"
    stage.twist(
        lambda request, app: redirect(target, 307) if request.path.endswith("/token") else app(request)
    )


SCENARIOS = (
    Scenario("LAB-06/other-host", "the metadata is another issuer's", faults={"wrong_issuer": OTHER_ISSUER}),
    Scenario("LAB-06/case", "the metadata's issuer has another case", arrange=_by_name),
    Scenario(
        "LAB-06/percent",
        "the metadata's issuer has an encoded letter",
        arrange=_percent,
        config=_TENANT,
    ),
    Scenario("LAB-06/slash", "the metadata's issuer has a slash more", arrange=_slash),
    Scenario("LAB-07/big", "the metadata has 10 MiB", faults={"big_metadata": BIG}, config=_TENANT),
    Scenario(
        "LAB-07/bomb",
        "the metadata has 20 MiB once unpacked",
        arrange=answered_with(_bomb),
        config=_TENANT,
    ),
    Scenario(
        "LAB-07/drip",
        "the metadata comes byte by byte, for minutes",
        arrange=answered_with(lambda response: replace(response, delivery="drip")),
        config=_TENANT,
        quiet=_LONG,
        least=3 * _LONG,
    ),
    Scenario(
        "LAB-07/nested", "the metadata is nested 10,000 deep", arrange=answered_with(_nested), config=_TENANT
    ),
    Scenario("LAB-07/array", "the metadata is in an array", arrange=answered_with(_listed), config=_TENANT),
    Scenario(
        "LAB-07/html",
        "a web page comes in place of the metadata",
        faults={"metadata_html": True},
        config=_TENANT,
    ),
    Scenario("LAB-09/hops", f"the metadata is behind {HOPS} redirects", arrange=_hops),
    Scenario(
        "LAB-09/origin",
        "the metadata is redirected to another origin",
        arrange=_to_the_other,
        others=(HONEST,),
    ),
    Scenario(
        "LAB-09/token",
        "the token endpoint redirects to another origin",
        arrange=_token_to_the_other,
        others=(HONEST,),
    ),
)
