"""LAB-26 and LAB-30 to LAB-32: what a client gets to see."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from mcp_vacuum.audit.scenarios.requests import SCENARIOS
from mcp_vacuum.lab.messages import Request, Response
from tests.audit.scenarios.test_discovery import Played


@pytest.mark.parametrize(
    ("variant", "challenged", "listed"),
    [
        ("challenge", 'scope="mcp:tools mcp:admin"', ["mcp:tools", "mcp:resources", "mcp:prompts"]),
        ("listed", "", ["mcp:tools", "mcp:resources", "mcp:prompts"]),
        ("none", "", None),
    ],
)
def test_where_scopes_are_named(variant: str, challenged: str, listed: list[str] | None) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-30/{variant}", stack)
        challenge = on.get(on.stage.lab.mcp_url)[0].headers["WWW-Authenticate"]
        document = json.loads(on.get(on.stage.lab.resource_metadata_url)[1])

        assert challenged in challenge
        assert ("scope" in challenge) == bool(challenged)
        assert document.get("scopes_supported") == listed


def test_everything_ends_after_two_calls_and_once() -> None:
    with ExitStack() as stack:
        on = Played("LAB-31", stack)
        ended: list[bool] = []
        on.stage.lab.revoke_everything = lambda: ended.append(True)  # type: ignore[method-assign]
        call = Request("POST", "/mcp", {}, {"authorization": "Bearer x"})
        after = [len(ended) for _ in range(4) if on.stage.twists[0](call, lambda _: Response(200))]

        assert after == [0, 1, 1, 1]


def test_the_loud_scenario_changes_nothing_but_the_environment() -> None:
    (loud,) = (each for each in SCENARIOS if each.name == "LAB-26")

    assert loud.environment["DEBUG"] == "*"
    assert not loud.faults
