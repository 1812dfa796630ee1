"""The lock in the header: who is refused, who may take it off, and what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, UsageError, VaultLocked
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import lock_vault, open_store, unlock_vault, vault_header

from .conftest import SERVER, FakeKeyring, Script, finished, login, opened


class TestRefusal:
    @pytest.mark.parametrize("create", [True, False])
    def test_a_locked_vault_is_not_opened_and_its_key_is_not_asked_for(
        self, home: Path, fake_keyring: FakeKeyring, create: bool
    ) -> None:
        opened(home)
        lock_vault(home)
        asked: list[None] = []
        fake_keyring.before = lambda: asked.append(None)
        with pytest.raises(VaultLocked) as caught:
            open_store(home, create=create)

        error = caught.value
        assert (error.code, error.exit_status, error.hint) == ("locked", 6, "mcp-vacuum agent unlock")
        assert not asked

    def test_an_open_store_gives_no_lease(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.set_locked(True)
        with pytest.raises(VaultLocked), store.lease(SERVER, "default", 0):
            pass
        with pytest.raises(VaultLocked):
            store.set_alias(SERVER, "default", "work")

        store.set_locked(False)
        with store.lease(SERVER, "default", 0):
            pass
        assert store.get(SERVER) == login()

    def test_another_process_is_refused_at_once(self, home: Path, script: Script) -> None:
        store = opened(home)
        finished(
            script(
                "import pathlib, sys\n"
                "from mcp_vacuum.storage.opening import lock_vault\n"
                "lock_vault(pathlib.Path(sys.argv[1]))\n"
            )
        )
        with pytest.raises(VaultLocked):
            store.lease(SERVER, "default", 0).__enter__()

    def test_what_nobody_wrote_counts_as_locked(self, home: Path) -> None:
        opened(home)._records.change_header({"locked": "perhaps"})
        with pytest.raises(VaultLocked):
            open_store(home)


class TestWithoutTheKey:
    def test_locking_needs_none_and_unlocking_does(self, home: Path) -> None:
        opened(home).put(login(), 0)
        key = (home / "vault.key").rename(home / "away")
        lock_vault(home)
        with pytest.raises(KeyUnavailable, match="missing"):
            unlock_vault(home)
        (home / "vault.key").write_bytes(new_key())
        (home / "vault.key").chmod(0o600)
        with pytest.raises(KeyUnavailable, match="is not the key of this vault"):
            unlock_vault(home)
        assert (vault_header(home) or {})["locked"] == "yes"

        key.rename(home / "vault.key")
        assert unlock_vault(home).get(SERVER) == login()
        assert opened(home).get(SERVER) == login()

    def test_the_header_needs_none(self, home: Path) -> None:
        assert vault_header(home) is None
        assert not home.exists()
        opened(home)
        (home / "vault.key").unlink()
        header = vault_header(home)

        assert header is not None
        assert header["key_source"] == "file"

    def test_both_may_be_done_twice(self, home: Path) -> None:
        opened(home)
        lock_vault(home)
        lock_vault(home)
        unlock_vault(home)
        unlock_vault(home)

        assert opened(home).logins() == []

    @pytest.mark.parametrize("change", [lock_vault, unlock_vault])
    def test_without_a_vault_there_is_nothing_to_lock(self, home: Path, change: object) -> None:
        assert callable(change)
        with pytest.raises(UsageError, match="there is no vault"):
            change(home)

        assert not home.exists()
