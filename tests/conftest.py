"""For all rooms: tests of faults report here, wherever they live; an agent is for who asks for one.

No test starts an agent unless it says so: it would outlive the test that it belongs to.
"""

from __future__ import annotations

import os

from tests.reliability.report import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]

os.environ["MCP_VACUUM_AGENT"] = "off"
