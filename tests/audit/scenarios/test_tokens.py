"""LAB-20 and LAB-24: token responses, and tokens that end."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.scenario import HONEST, Stage
from mcp_vacuum.audit.scenarios.tokens import SCENARIOS, after_calls, to_the_other
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.faults import overridden
from mcp_vacuum.lab.messages import Request, text_response

CALL = Request("POST", "/mcp", {}, {"authorization": "Bearer x"})


def stage(*labs: Lab) -> Stage:
    return Stage(labs, lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 200))


@pytest.mark.parametrize(
    ("name", "kind"), [("n-a", "N_A"), ("mac", "mac"), ("upper-case", "BEARER"), ("untyped", None)]
)
def test_the_type_of_the_token(name: str, kind: str | None) -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-20/{name}")
    changes = scenario.faults["token_override"]
    assert isinstance(changes, dict)

    assert overridden({"token_type": "Bearer"}, changes).get("token_type") == kind


def test_something_happens_after_so_many_calls_with_a_token_that_worked() -> None:
    happened: list[int] = []
    on = stage()
    after_calls(2, 3, then=lambda _: happened.append(1))(on)
    seen = []
    for request, status in (
        (CALL, 401),
        (CALL, 200),
        (Request("POST", "/mcp", {}, {}), 200),
        (Request("POST", "/token", {}, CALL.headers), 200),
        (CALL, 202),
        (CALL, 200),
        (CALL, 200),
    ):
        on.twists[0](request, lambda _, status=status: text_response(status))  # type: ignore[misc]
        seen.append(len(happened))

    assert seen == [0, 0, 0, 0, 1, 2, 2]


def test_the_second_start_can_be_with_another_server() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        on = stage(lab, other)
        to_the_other(on)

        assert on.url == other.mcp_url
