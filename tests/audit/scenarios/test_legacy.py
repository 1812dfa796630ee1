"""LAB-27: where metadata is looked for in vain."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.legacy import SCENARIOS
from mcp_vacuum.audit.scenarios.scenario import Stage
from mcp_vacuum.lab.messages import Request, text_response


@pytest.mark.parametrize(
    ("name", "status", "delivery"), [("404", 404, "whole"), ("500", 500, "whole"), ("reset", 0, "reset")]
)
def test_all_metadata_fails_and_nothing_else(name: str, status: int, delivery: str) -> None:
    stage = Stage((), lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 200))
    (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-27/{name}")
    scenario.arrange(stage)

    for place in ("oauth-protected-resource/mcp", "oauth-authorization-server", "openid-configuration"):
        answer = stage.twists[0](
            Request("GET", f"/.well-known/{place}", {}, {}), lambda _: text_response(200)
        )
        assert (answer.status, answer.delivery) == (status, delivery)
    assert stage.twists[0](Request("POST", "/register", {}, {}), lambda _: text_response(201)).status == 201
