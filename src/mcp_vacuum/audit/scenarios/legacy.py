"""LAB-27: a server of MCP 2025-03-26 without any metadata."""

from __future__ import annotations

from collections.abc import Callable

from mcp_vacuum.audit.scenarios.scenario import Arrange, Scenario, Stage
from mcp_vacuum.lab import LabConfig
from mcp_vacuum.lab.messages import App, Request, Response, text_response

OLD = LabConfig(same_origin=True, challenge_hints=False, iss_parameter=False, require_resource=False)
"""Everything at one origin, where clients of that time guessed `/authorize`, `/token` and `/register`."""


def metadata_answers(answer: Callable[[], Response]) -> Arrange:
    """Give this answer to whoever looks for metadata."""

    def arrange(stage: Stage) -> None:
        def twist(request: Request, app: App) -> Response:
            return answer() if "/.well-known/" in request.path else app(request)

        stage.twist(twist)

    return arrange


SCENARIOS = (
    Scenario(
        "LAB-27/404",
        "there is no metadata",
        config=OLD,
        arrange=metadata_answers(lambda: text_response(404)),
    ),
    Scenario(
        "LAB-27/500",
        "metadata is answered with 500",
        config=OLD,
        arrange=metadata_answers(lambda: text_response(500)),
    ),
    Scenario(
        "LAB-27/reset",
        "the connection is reset where metadata is looked for",
        config=OLD,
        arrange=metadata_answers(lambda: Response(0, delivery="reset")),
    ),
)
