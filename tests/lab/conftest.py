"""A client that is registered in the lab."""

import pytest

from mcp_vacuum.lab import Lab

from .plain import Plain


@pytest.fixture
def plain(lab: Lab) -> Plain:
    return Plain(lab)
