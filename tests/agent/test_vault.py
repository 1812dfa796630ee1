"""How the agent opens the vault, by what it was told."""

from __future__ import annotations

import os

import pytest

from mcp_vacuum.agent.vault import opened, unlocked
from mcp_vacuum.errors import AgentUnavailable, KeyUnavailable
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.opening import lock_vault, open_store
from tests.agent.running import Home

PASSPHRASE = Secret("correct horse")


def test_with_a_key_file_nothing_has_to_be_told(home: Home, url: str) -> None:
    store = opened(home.path, None)

    assert store is not None
    assert store.get(url) is not None


def test_without_a_vault_there_is_nothing_to_open(home: Home) -> None:
    with pytest.raises(AgentUnavailable, match="no vault"):
        opened(home.path, None)


def test_a_locked_one_stays_closed_until_it_is_unlocked(home: Home, url: str) -> None:
    lock_vault(home.path)

    assert opened(home.path, None) is None
    assert unlocked(home.path, None).get(url) is not None
    assert opened(home.path, None) is not None


class TestPassphrase:
    @pytest.fixture(autouse=True)
    def _vault(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        open_store(home.path, ask=lambda _: PASSPHRASE.reveal())

    def test_it_has_to_be_told(self, home: Home) -> None:
        assert opened(home.path, None) is None
        assert opened(home.path, PASSPHRASE) is not None

    def test_a_wrong_one_opens_nothing(self, home: Home) -> None:
        with pytest.raises(KeyUnavailable, match="wrong passphrase"):
            unlocked(home.path, Secret("incorrect horse"))
        with pytest.raises(KeyUnavailable):
            unlocked(home.path, None)


class TestEnvironment:
    def test_the_key_is_told_and_leaves_no_variable(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = new_key().decode()
        monkeypatch.setattr(EnvSource, "_taken", ())
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "env")
        monkeypatch.setenv("MCP_VACUUM_KEY", key)
        open_store(home.path)
        monkeypatch.setattr(EnvSource, "_taken", ())

        assert opened(home.path, None) is None
        assert opened(home.path, Secret(key)) is not None
        assert "MCP_VACUUM_KEY" not in os.environ
