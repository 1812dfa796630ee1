"""LAB-18 and LAB-19: the answer to a registration, and the change of server."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.registration import SCENARIOS, without_resource
from mcp_vacuum.audit.scenarios.scenario import HONEST, Stage
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import Request, Response, text_response


def staged(name: str, *labs: Lab) -> Stage:
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    stage = Stage(labs, lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 200))
    scenario.arrange(stage)
    for arrange in scenario.again:
        arrange(stage)
    return stage


def bearer(request: Request) -> Response:
    return text_response(200, request.headers.get("authorization", "none"))


def test_after_the_switch_the_metadata_names_the_other_and_the_first_token_is_refused() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        twist = staged("LAB-19/restart", lab, other).twists[0]
        call = Request("POST", "/mcp", {}, {"authorization": "Bearer of-the-first"})

        assert lab.faults.resource_metadata_override == {"authorization_servers": [other.issuer]}
        assert twist(call, bearer).body == b"Bearer refused"
        assert twist(Request("POST", "/mcp", {}, {}), bearer).body == b"none"
        assert twist(Request("GET", "/other", {}, call.headers), bearer).body == b"Bearer of-the-first"


def test_in_a_session_nothing_switches_before_the_second_call() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        twist = staged("LAB-19/session", lab, other).twists[0]
        call = Request("POST", "/mcp", {}, {"authorization": "Bearer x"})
        twist(call, bearer)
        assert not lab.faults.resource_metadata_override
        twist(call, bearer)

        assert lab.faults.resource_metadata_override


def test_the_token_endpoint_moves_between_two_starts() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        staged("LAB-19/endpoint", lab, other)

        assert lab.faults.metadata_override == {"token_endpoint": f"{other.issuer}/token"}


@pytest.mark.parametrize("where", ["query", "form"])
def test_a_server_may_not_know_resources(where: str) -> None:
    values = {"resource": ("r",), "scope": ("s",)}
    asked = Request("POST", "/x", values if where == "query" else {}, {}, form=values)
    seen: list[Request] = []

    def note(request: Request) -> Response:
        seen.append(request)
        return text_response(200)

    without_resource(asked, note)
    assert getattr(seen[0], where) == {"scope": ("s",)}
