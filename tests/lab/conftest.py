"""A lab with default properties and a client that is registered there."""

from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab

from .plain import Plain


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def plain(lab: Lab) -> Plain:
    return Plain(lab)
