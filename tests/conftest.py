"""For all rooms: tests of faults report here, wherever they live; an agent is for who asks for one.

`lab` is a laboratory with its default properties and `store` an empty store in memory; a room that needs
others has its own.

No test starts an agent unless it says so: it would outlive the test that it belongs to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from tests.reliability.report import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]

os.environ["MCP_VACUUM_AGENT"] = "off"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def store() -> CredentialStore:
    return memory_store()
