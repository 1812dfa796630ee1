"""A fresh login to a laboratory that detects reuse and gives no grace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_vacuum.tokens import renewal
from tests.helpers import LoggedIn, logged_in


@pytest.fixture
def login() -> Iterator[LoggedIn]:
    with logged_in() as login:
        yield login


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on an unavailable server after its first answer."""
    monkeypatch.setattr(renewal, "PATIENCE", 0.0)
