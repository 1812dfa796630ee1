"""The vault's key: where the header says it is, and whether that place answers."""

from __future__ import annotations

import time
from pathlib import Path

import keyring
import pytest

from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.key import SLOW, Key, check_key, check_source, keyring_name, look_at_key
from mcp_vacuum.doctor.vault import look_at_vault
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.passphrase_source import Recipe
from tests.storage.conftest import FakeKeyring


def look(home: Path) -> tuple[Key, CredentialStore | None]:
    return look_at_key(home, look_at_vault(home))


def finding(home: Path) -> Finding:
    return check_source(look(home)[0])


class TestFile:
    def test_it_answers(self, store: CredentialStore, home: Path) -> None:
        facts, opened = look(home)

        assert opened is not None
        assert check_source(facts).what.startswith("the key file answered in 0.0")

    def test_missing(self, store: CredentialStore, home: Path) -> None:
        (home / "vault.key").unlink()
        found = finding(home)

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert "the vault's key is missing" in found.what
        assert "restore" in found.fix
        assert not (home / "vault.key").exists()

    def test_another_key(self, store: CredentialStore, home: Path) -> None:
        (home / "vault.key").write_bytes(new_key())

        assert "is not the key of this vault" in finding(home).what

    def test_open_to_others(self, store: CredentialStore, home: Path) -> None:
        (home / "vault.key").chmod(0o644)

        assert (finding(home).verdict, "chmod 600" in finding(home).fix) == ("fail", True)

    def test_the_environment_names_another_source(
        self, store: CredentialStore, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
        found = finding(home)

        assert "MCP_VACUUM_KEY_SOURCE names keyring" in found.what
        assert "unset MCP_VACUUM_KEY_SOURCE" in found.fix


class TestKeyring:
    @pytest.fixture
    def fake(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
        """A vault whose key is in a keyring."""
        monkeypatch.delenv("MCP_VACUUM_KEY_SOURCE")
        fake = FakeKeyring()
        keyring.set_keyring(fake)
        open_store(home)
        return fake

    def test_its_name_is_told(self, fake: FakeKeyring, home: Path) -> None:
        assert "the keyring (tests.storage.conftest) answered" in finding(home).what

    def test_locked(self, fake: FakeKeyring, home: Path) -> None:
        class KeyringLocked(Exception):
            """As keyring names it."""

        fake.trouble = KeyringLocked()
        found = finding(home)

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert "it is locked" in found.what

    def test_gone(self, fake: FakeKeyring, home: Path) -> None:
        fake.items.clear()

        assert "the vault's key is missing from keyring" in finding(home).what

    def test_slow(self, fake: FakeKeyring, home: Path) -> None:
        fake.before = lambda: time.sleep(SLOW + 0.1)

        assert finding(home).verdict == "warn"


class TestOthers:
    def test_no_vault_says_what_would_be_used(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert finding(home).what.endswith("would use the key file")
        monkeypatch.delenv("MCP_VACUUM_KEY_SOURCE")
        assert finding(home).what.endswith("a key file: no keyring works here")
        assert not home.exists()

    def test_a_passphrase_is_told_as_one_and_nobodys_typing_is_timed(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Recipe.__init__, "__defaults__", (2**10, 8, 1))
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        assert finding(home).what.endswith("would use the passphrase")
        open_store(home, ask=lambda _: "correct horse")

        def type_slowly(prompt: str) -> str:
            time.sleep(SLOW + 0.1)
            return "correct horse"

        facts, opened = look_at_key(home, look_at_vault(home), type_slowly)
        found = check_source(facts)

        assert opened is not None
        assert (found.verdict, found.why) == ("ok", "")
        assert found.what == "the passphrase opens this vault; every command without the agent asks for it"

    def test_the_words_of_a_key_command_are_not_told(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = new_key().decode()
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", f"command:echo {key}")
        open_store(home)
        found = finding(home)

        assert found.what.startswith("the key command echo answered")
        assert key not in found.what

    def test_a_key_variable_that_nobody_reads(
        self, store: CredentialStore, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = new_key().decode()
        monkeypatch.setenv("MCP_VACUUM_KEY", key)
        _, found = check_key(look(home)[0])

        assert (found.name, found.verdict, found.fix) == ("key-variable", "warn", "unset MCP_VACUUM_KEY")

    def test_no_keyring_has_no_name(self) -> None:
        assert keyring_name() is None
