"""A machine of its own for each test: home, key file, no keyring, no proxy; and a lab to log in to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail

from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.opening import open_store
from tests.helpers import log_in

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state directory, not made yet."""
    mine = [name for name in os.environ if name.startswith("MCP_VACUUM_")]
    for name in (*mine, *PROXIES, *map(str.upper, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    monkeypatch.setattr(EnvSource, "_taken", None)
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield tmp_path / "home"
    keyring.set_keyring(before)
    ACCESS_TOKENS._held.clear()


@pytest.fixture
def store(home: Path) -> Iterator[CredentialStore]:
    """A vault without a login."""
    opened = open_store(home) or open_store(home)
    assert opened is not None
    yield opened
    opened.close()


@pytest.fixture
def url(lab: Lab, store: CredentialStore) -> str:
    """A server that this person is logged in to."""
    log_in(lab, store)
    lab.recorder.clear()
    return lab.mcp_url
