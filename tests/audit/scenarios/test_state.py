"""LAB-13: what becomes of the answer's state."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.scenario import Stage
from mcp_vacuum.audit.scenarios.state import SCENARIOS, one_byte_off, other_case, twice
from mcp_vacuum.lab.messages import Request, redirect, text_response

ASKED = Request("POST", "/consent", {}, {})
BACK = "http://127.0.0.1:3/callback?code=c&state=aB3&iss=i"


def stage() -> Stage:
    return Stage((), lambda url: BACK, lambda purpose, method, url: Answer(purpose, method, url, 200))


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("missing", []),
        ("empty", [""]),
        ("altered", ["aBA"]),
        ("case", ["Ab3"]),
        ("doubled", ["x" * 43, "aB3"]),
    ],
)
def test_the_answer_is_changed_and_only_its_state(name: str, states: list[str]) -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-13/{name}")
    on = stage()
    scenario.arrange(on)
    (location,) = (
        value for name, value in on.twists[0](ASKED, lambda _: redirect(BACK)).headers if name == "Location"
    )
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)

    assert [value for name, value in pairs if name == "state"] == states
    assert dict(pairs) | {"state": ""} == {"code": "c", "iss": "i", "state": ""}


def test_what_leads_elsewhere_is_left_alone() -> None:
    on = stage()
    SCENARIOS[0].arrange(on)

    assert on.twists[0](ASKED, lambda _: redirect("/login?x=1")).headers[0] == ("Location", "/login?x=1")
    assert on.twists[0](ASKED, lambda _: text_response(200)).status == 200


def test_the_same_answer_is_brought_again() -> None:
    asked: list[tuple[str, str, str]] = []
    on = stage()

    def note(purpose: str, method: str, url: str) -> Answer:
        asked.append((purpose, method, url))
        return Answer(purpose, method, url, 200)

    on.request = note
    twice(on, "http://as/authorize")

    assert asked == [("the same answer again", "GET", BACK)]


def test_a_changed_value_is_another_of_the_same_length() -> None:
    for value in ("abc", "abA", "123", "aB"):
        for changed in (one_byte_off(value), other_case(value)):
            assert changed != value
            assert len(changed) == len(value)
