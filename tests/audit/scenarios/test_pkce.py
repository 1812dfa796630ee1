"""LAB-11 and LAB-12."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest

from mcp_vacuum.audit.scenarios.pkce import LOGINS, SCENARIOS
from mcp_vacuum.lab import Lab

MISSING = object()


@pytest.mark.parametrize(
    ("name", "offered"), [("absent", MISSING), ("null", None), ("empty", []), ("plain", ["plain"])]
)
def test_what_the_metadata_says(name: str, offered: object) -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-11/{name}")
    with Lab(scenario.config) as lab:
        for switch, value in scenario.faults.items():
            setattr(lab.faults, switch, value)
        with urlopen(f"{lab.issuer}/.well-known/oauth-authorization-server") as answer:
            document = json.load(answer)

    assert document.get("code_challenge_methods_supported", MISSING) == offered


def test_ten_logins_with_the_control() -> None:
    assert sum(each.family == "LAB-12" for each in SCENARIOS) == LOGINS == 9
