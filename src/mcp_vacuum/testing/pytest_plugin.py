"""Fixtures for tests of programs that use mcp-vacuum; loaded by pytest when the package is installed.

- `vacuum_lab`: an authorization server and a protected MCP server on loopback.
- `vacuum_store`: a credential store in memory.
- `vacuum_login`: logs in to a server with a user who consents at once, and returns the `LoginResult`.
- `vacuum_source`: a `TokenSource` for a fresh login to `vacuum_lab`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mcp_vacuum.lab import Lab
    from mcp_vacuum.login import LoginResult
    from mcp_vacuum.storage.credentials import CredentialStore
    from mcp_vacuum.tokens.source import LoginTokens

LogIn = Callable[..., "LoginResult"]


@pytest.fixture
def vacuum_lab() -> Iterator[Lab]:
    """Start a laboratory for one test."""
    from mcp_vacuum.lab import Lab

    with Lab() as lab:
        yield lab


@pytest.fixture
def vacuum_store() -> CredentialStore:
    """Make a credential store that ends with the process."""
    from mcp_vacuum.storage.opening import memory_store

    return memory_store()


@pytest.fixture
def vacuum_login(vacuum_store: CredentialStore) -> LogIn:
    """Return a function that logs in to a laboratory's server without a browser.

    It takes a URL, the fields of `LoginOptions`, and `user=` for somebody else than the one who consents.
    """
    from mcp_vacuum.drivers.browser import BrowserVisit
    from mcp_vacuum.lab import User
    from mcp_vacuum.login import LoginOptions, login_blocking

    def log_in(url: str, *, user: User | None = None, **options: object) -> LoginResult:
        visitor = user or User()
        return login_blocking(
            url,
            LoginOptions(**options),  # type: ignore[arg-type]
            store=vacuum_store,
            ways=lambda listener, timeout: BrowserVisit(
                listener, timeout=timeout, opener=lambda address: bool(visitor.visit(address))
            ),
        )

    return log_in


@pytest.fixture
def vacuum_source(vacuum_lab: Lab, vacuum_login: LogIn, vacuum_store: CredentialStore) -> LoginTokens:
    """Return the TokenSource of a fresh login to the laboratory."""
    from mcp_vacuum.tokens.stored import login_tokens

    result = vacuum_login(vacuum_lab.mcp_url)
    assert result.credential is not None
    return login_tokens(vacuum_store, result.credential)
