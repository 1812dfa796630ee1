"""The table of peers is what happens: a client that begins to hold, or to fall, fails here."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.attacks.observed import OBSERVED, VERSIONS

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", OBSERVED)
def test_each_client_still_does_what_was_observed(name: str) -> None:
    from tests.attacks.peers import PEERS, falls

    assert tuple(bool(falls(name, *peer)) for peer in PEERS) == OBSERVED[name]


def test_every_scenario_is_in_the_table() -> None:
    from tests.attacks.peers import SCENARIOS

    assert list(SCENARIOS) == list(OBSERVED)
    assert len(OBSERVED) >= 20


def test_our_own_drop_ins_fall_to_none() -> None:
    assert not [name for name, (*_, mcp, fastmcp) in OBSERVED.items() if mcp or fastmcp]


def test_the_versions_are_those_of_the_table() -> None:
    for package, version in VERSIONS.items():
        assert importlib.metadata.version(package).startswith(version)
