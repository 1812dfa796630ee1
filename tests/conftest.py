"""For all rooms: tests of faults report here, wherever they live; an agent is for who asks for one.

`lab` is a laboratory with its default properties and `store` an empty store in memory; a room that needs
others has its own.

No test starts an agent unless it says so: it would outlive the test that it belongs to.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from tests.reliability.report import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]

os.environ["MCP_VACUUM_AGENT"] = "off"

# A busy machine is no finding.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def store() -> CredentialStore:
    return memory_store()
