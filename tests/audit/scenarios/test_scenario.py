"""The table of scenarios."""

from __future__ import annotations

from dataclasses import fields

import pytest

from mcp_vacuum.audit.scenarios import SCENARIOS, chosen
from mcp_vacuum.audit.scenarios.scenario import Scenario
from mcp_vacuum.lab import Faults

NAMES = [scenario.name for scenario in SCENARIOS]


def test_the_control_comes_first_and_no_name_comes_twice() -> None:
    assert NAMES[0] == "LAB-00"
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_every_scenario_says_what_misbehaves_and_has_real_switches(scenario: Scenario) -> None:
    assert scenario.what
    assert not scenario.what.endswith(".")
    assert set(scenario.faults) <= {each.name for each in fields(Faults)}


def test_the_control_is_always_chosen_and_a_family_means_all_of_it() -> None:
    assert [each.name for each in chosen(["LAB-11/null"])] == ["LAB-00", "LAB-11/null"]
    assert {each.family for each in chosen(["LAB-13"])} == {"LAB-00", "LAB-13"}
    assert chosen(["lab-11/NULL", "Lab-13"]) == chosen(["LAB-11/null", "LAB-13"])
    assert chosen([]) == SCENARIOS
    with pytest.raises(KeyError):
        chosen(["LAB"])
