"""Fails on the original, passes on ours. Where an original passes, or begins to, this says so.

An entry of `FAILS` is what was observed with mcp 2.3.x and fastmcp 4.2.x. When upstream fixes one, its test
here fails: move the scenario to `PASSES`, and correct the table in docs/drop-in.md.
"""

from __future__ import annotations

import gc
import importlib.metadata
import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import kit, scenarios
from .kit import Kit
from .scenarios import Scenario

pytestmark = pytest.mark.long

OURS: dict[str, Kit] = {"mcp": kit.SDK_OURS, "fastmcp": kit.FASTMCP_OURS}
ORIGINALS: dict[str, Kit] = {"mcp": kit.SDK_ORIGINAL, "fastmcp": kit.FASTMCP_ORIGINAL}
DOCUMENT = Path(__file__).parents[3] / "docs" / "drop-in.md"

_AGAIN = "the person was asked 2 times"
FAILS: dict[str, dict[Scenario, str]] = {
    "mcp": {
        scenarios.refresh_token_is_used_after_a_restart: _AGAIN,
        scenarios.refresh_token_stays_away_from_the_resource_server: "the MCP server was sent",
        scenarios.a_long_get_does_not_hold_up_a_post: "the POST waited",
        scenarios.one_provider_works_from_several_event_loops: "of 15 requests were answered",
        scenarios.a_cancelled_request_does_not_break_the_next: "used twice",
        scenarios.refreshes_of_others_are_seen: f"{_AGAIN}|used twice",
        scenarios.a_503_does_not_lose_the_login: _AGAIN,
        scenarios.the_token_stays_with_its_host: "another host was sent the access token",
    },
    "fastmcp": {
        scenarios.refresh_token_is_used_after_a_restart: _AGAIN,
        scenarios.refresh_token_stays_away_from_the_resource_server: "the MCP server was sent",
        scenarios.a_long_get_does_not_hold_up_a_post: "the POST waited",
        scenarios.one_provider_works_from_several_event_loops: "of 15 requests were answered",
        scenarios.a_cancelled_request_does_not_break_the_next: "used twice",
        scenarios.refreshes_of_others_are_seen: f"{_AGAIN}|used twice",
        scenarios.a_503_does_not_lose_the_login: _AGAIN,
        scenarios.two_accounts_of_one_server_stay_apart: "given the first one's login",
        scenarios.the_token_stays_with_its_host: "another host was sent the access token",
    },
}
PASSES: dict[str, tuple[Scenario, ...]] = {
    # A TokenStorage of the SDK belongs to one account: the application gives each its own.
    "mcp": (
        scenarios.a_cancelled_login_does_not_break_the_next,
        scenarios.two_accounts_of_one_server_stay_apart,
    ),
    "fastmcp": (scenarios.a_cancelled_login_does_not_break_the_next,),
}

# Loops that an original leaves behind in a deadlock complain when they are collected.
LEFTOVERS = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", kit.browse)


@pytest.fixture
def _swept() -> Iterator[None]:
    """What an original leaves behind is collected here, not in the middle of another test."""
    yield
    gc.collect()


def _cases(names: dict[str, dict[Scenario, str]] | dict[str, tuple[Scenario, ...]]) -> list[object]:
    return [
        pytest.param(package, scenario, id=f"{package}-{scenario.__name__}")
        for package, of_package in names.items()
        for scenario in of_package
    ]


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.__name__)
@pytest.mark.parametrize("ours", OURS.values(), ids=list(OURS))
def test_ours_gets_it_right(ours: Kit, scenario: Scenario) -> None:
    scenario(ours)


@LEFTOVERS
@pytest.mark.usefixtures("_swept")
@pytest.mark.parametrize(("package", "scenario"), _cases(FAILS))
def test_the_original_gets_it_wrong(package: str, scenario: Scenario) -> None:
    with pytest.raises(AssertionError, match=FAILS[package][scenario]):
        scenario(ORIGINALS[package])


@LEFTOVERS
@pytest.mark.usefixtures("_swept")
@pytest.mark.parametrize(("package", "scenario"), _cases(PASSES))
def test_the_original_gets_this_right_too(package: str, scenario: Scenario) -> None:
    scenario(ORIGINALS[package])


@pytest.mark.parametrize("package", ["mcp", "fastmcp"])
def test_every_scenario_is_judged(package: str) -> None:
    assert {*FAILS[package], *PASSES[package]} == set(scenarios.ALL)


def test_the_document_says_the_same() -> None:
    rows = re.findall(r"^\| .* \| `(\w+)` \| (\w+) \| (\w+) \| (\w+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    said = {name: (of_mcp, of_fastmcp, ours) for name, of_mcp, of_fastmcp, ours in rows}

    assert said == {
        scenario.__name__: (
            *("fails" if scenario in FAILS[package] else "passes" for package in ("mcp", "fastmcp")),
            "passes",
        )
        for scenario in scenarios.ALL
    }


def test_the_versions_are_those_of_the_document() -> None:
    assert importlib.metadata.version("mcp").startswith("2.3.")
    assert importlib.metadata.version("fastmcp").startswith("4.2.")
