"""Scopes that are everything."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.scopes import wide


@pytest.mark.parametrize(
    "scope", ["*", "mcp:*", "admin", "admin:org", "full_access", "full-access", "all", "x.admin", "sudo"]
)
def test_wide(scope: str) -> None:
    assert wide(f"mcp:tools {scope}") == [scope]


@pytest.mark.parametrize(
    "scope", ["mcp:tools", "openid profile", "offline_access", "administration:read", "tall", "badminton"]
)
def test_narrow(scope: str) -> None:
    assert wide(scope) == []
