"""What several benchmarks need: a scratch home, a login to the laboratory without a browser."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.lab import User
from mcp_vacuum.login import LoginResult, Ways, login_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.storage.access import ACCESS_TOKENS, Place
from mcp_vacuum.storage.credentials import CredentialStore

HOME, KEY_SOURCE = "MCP_VACUUM_HOME", "MCP_VACUUM_KEY_SOURCE"


@contextmanager
def scratch_home() -> Iterator[Path]:
    """Give this process and its children a state directory of their own, with a key file in it."""
    before = {name: os.environ.get(name) for name in (HOME, KEY_SOURCE)}
    with tempfile.TemporaryDirectory(prefix="mcp-vacuum-bench-") as folder:
        os.environ.update({HOME: folder, KEY_SOURCE: "file"})
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def log_in(url: str, store: CredentialStore) -> LoginResult:
    """Log in to a laboratory's server with somebody who consents at once."""
    return login_blocking(url, store=store, ways=somebody_who_agrees())


def expire(store: CredentialStore, server: str) -> None:
    """Make the access token in this process's memory one that ended a minute ago."""
    place: Place = (store.location, server, DEFAULT_ACCOUNT)
    held = ACCESS_TOKENS.get(place)
    assert held is not None
    past = replace(held.token, created_at=held.token.created_at - held.token.expires_in - 60)
    ACCESS_TOKENS.put(place, replace(held, token=past))


def somebody_who_agrees() -> Ways:
    """Return a person of the laboratory who consents at once."""
    user = User()
    return lambda listener, timeout: BrowserVisit(
        listener, timeout=timeout, opener=lambda address: bool(user.visit(address))
    )
