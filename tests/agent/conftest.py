"""A home for each test, and nobody left in it afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab
from tests.agent.running import Home, a_home


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with a_home(monkeypatch) as home:
        yield home


@pytest.fixture
def url(home: Home, lab: Lab) -> str:
    """A server that this person is logged in to; no agent runs yet."""
    home.log_in(lab)
    return lab.mcp_url
