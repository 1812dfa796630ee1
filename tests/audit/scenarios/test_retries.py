"""LAB-22, LAB-23 and LAB-25: where calls are led, and what fails once."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.retries import SCENARIOS
from mcp_vacuum.audit.scenarios.scenario import HONEST, Stage
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import Request, text_response

CALL = Request("POST", "/mcp", {}, {"authorization": "Bearer x"})
BARE = Request("POST", "/mcp", {}, {})


def staged(name: str, *labs: Lab) -> Stage:
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    stage = Stage(labs, lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 200))
    scenario.arrange(stage)
    return stage


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_only_calls_with_a_token_are_led_elsewhere(status: int) -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        twist = staged(f"LAB-22/{status}", lab, other).twists[0]
        moved = twist(CALL, lambda _: text_response(200))

        assert (moved.status, dict(moved.headers)["Location"]) == (status, other.mcp_url)
        assert twist(BARE, lambda _: text_response(401)).status == 401


def test_the_old_transport_names_an_endpoint_elsewhere() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        twist = staged("LAB-22/sse", lab, other).twists[0]
        stream = twist(Request("GET", "/mcp", {}, CALL.headers), lambda _: text_response(200))

        assert f"data: {other.mcp_url}\n".encode() in stream.body
        assert twist(CALL, lambda _: text_response(200)).status == 405


def test_what_fails_once_is_in_order_at_the_next_start() -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == "LAB-25/again")
    with Lab(HONEST) as lab:
        stage = staged("LAB-25/again", lab)
        assert lab.faults.authorize_error == "server_error"
        scenario.again[0](stage)

        assert lab.faults.authorize_error is None
