from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_vacuum.errors import (
    KeyUnavailable,
    StorageError,
)
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.vault import Vault

from .conftest import (
    SERVER,
    SOURCE,
    FakeKeyring,
    Script,
    finished,
    login,
    opened,
    registration,
    start_together,
)

OTHER = "https://other.example/mcp"


class TestOpening:
    def test_nothing_is_created_where_nothing_should_be(self, home: Path) -> None:
        assert open_store(home, create=False) is None
        assert not home.exists()

    def test_the_notice_is_given_once(self, home: Path) -> None:
        assert "no working keyring" in (opened(home).notice or "")
        assert opened(home).notice is None
        assert opened(home, create=False).key_source == f"file:{home / 'vault.key'}"

    def test_a_keyring_that_works_keeps_the_key(self, home: Path, fake_keyring: FakeKeyring) -> None:
        store = opened(home)
        store.put(login(), 0)

        assert (store.key_source, store.notice) == ("keyring", None)
        assert not (home / "vault.key").exists()
        assert list(fake_keyring.items) == [
            ("mcp-vacuum", f"vault:{Vault(home / 'vault.db').header()['vault_id']}")
        ]
        assert opened(home).get(SERVER) == login()

    def test_an_existing_vault_keeps_its_own_service_name(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        first = open_store(home, service_name="mine")
        assert first is not None
        first.put(login(), 0)

        assert opened(home).get(SERVER) == login()
        assert {service for service, _ in fake_keyring.items} == {"mine"}

    def test_the_home_comes_from_the_environment(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(home))
        store = open_store()

        assert store is not None
        assert store.location == f"vault:{home / 'vault.db'}"

    def test_a_forced_keyring_that_is_missing_leaves_no_vault(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
        with pytest.raises(KeyUnavailable, match="no working keyring") as caught:
            open_store(home)

        assert caught.value.exit_status == 6
        assert not [each for each in home.iterdir() if "vault.db" in each.name or "key" in each.name]

    def test_a_keyring_that_is_gone_leaves_the_vault_untouched(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        before = (home / "vault.db").read_bytes()
        fake_keyring.trouble = RuntimeError("gone")
        for create in (True, False):
            with pytest.raises(KeyUnavailable, match="no working keyring") as caught:
                open_store(home, create=create)
            assert caught.value.exit_status == 6
        fake_keyring.trouble = None
        kept, fake_keyring.items = fake_keyring.items, {}
        with pytest.raises(KeyUnavailable, match="the vault's key is missing from keyring"):
            open_store(home)
        assert (home / "vault.db").read_bytes() == before
        assert not (home / "vault.key").exists()
        assert not fake_keyring.items

        fake_keyring.items = kept
        assert opened(home).get(SERVER) == login()

    def test_a_missing_key_file_is_not_made_anew(self, home: Path) -> None:
        opened(home).put(login(), 0)
        key = (home / "vault.key").rename(home / "away")
        with pytest.raises(KeyUnavailable, match="missing from file:"):
            open_store(home)
        assert not (home / "vault.key").exists()

        key.rename(home / "vault.key")
        assert opened(home).get(SERVER) == login()

    def test_a_wrong_key_is_told_from_damage(self, home: Path) -> None:
        opened(home).put(login(), 0)
        good = (home / "vault.key").read_bytes()
        (home / "vault.key").write_bytes(new_key())
        with pytest.raises(KeyUnavailable, match="is not the key of this vault"):
            open_store(home)
        (home / "vault.key").write_bytes(good)

        assert opened(home).get(SERVER) == login()

    def test_a_corrupt_vault_is_moved_and_can_be_put_back(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        good = (home / "vault.db").read_bytes()
        (home / "vault.db").write_bytes(b"\x00" * 100 + good[100:])
        with pytest.raises(StorageError, match="moved to") as caught:
            open_store(home)
        assert caught.value.exit_status == 6
        assert "its key was kept" in caught.value.message
        new = opened(home)
        assert new.logins() == []
        new.put(login(OTHER), 0)
        new.close()

        (home / "vault.db").rename(home / "new.db")
        (home / "vault.db").write_bytes(good)
        assert opened(home).get(SERVER) == login()

    def test_a_corrupt_vault_with_its_key_in_a_keyring_can_be_put_back(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        good = (home / "vault.db").read_bytes()
        (home / "vault.db").write_bytes(b"no vault")
        with pytest.raises(StorageError, match="moved to"):
            open_store(home)
        opened(home).close()
        assert len(fake_keyring.items) == 2

        (home / "vault.db").write_bytes(good)
        assert opened(home).get(SERVER) == login()

    def test_a_home_can_be_moved(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        moved = home.rename(home.with_name("moved"))

        assert opened(moved).get(SERVER) == login()

    def test_no_secret_is_readable_in_any_file(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.put(login(generation=2, refresh_token=Secret("rotated-refresh-token-xyz")), 1)
        store.put_registration(registration())
        with store.lease(SERVER, "default", 1):
            pass
        secrets = [
            "refresh-Grüße-0123456789abcdef",
            "rotated-refresh-token-xyz",
            "client-secret-0123456789",
            "registration-access-token-0123456789",
        ]
        files = [each for each in home.rglob("*") if each.is_file()]
        content = b"".join(each.read_bytes() for each in files)

        assert {"vault.db", "vault.db-wal", "vault.key"} <= {each.name for each in files}
        assert SERVER.encode() in content
        for secret in secrets:
            for form in _forms(secret):
                assert form not in content, form

    def test_nothing_shows_a_secret(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        shown = repr(store.get(SERVER)) + repr(store) + repr(store.index()) + repr(store._sealed.cipher)

        assert "refresh-Gr" not in shown
        assert "client-secret-0" not in shown


def _forms(secret: str) -> list[bytes]:
    """Return the secret as text, JSON, hex, UTF-16 and base64 at each of the three offsets."""
    raw = secret.encode()
    forms = [raw, secret.encode("unicode_escape"), raw.hex().encode(), secret.encode("utf-16-le")]
    for offset in range(3):
        middle = raw[offset : offset + (len(raw) - offset) // 3 * 3]
        forms += [base64.b64encode(middle), base64.urlsafe_b64encode(middle)]
    return forms


CREATE = """
import pathlib, sys
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage import keys, vault
from mcp_vacuum.storage.opening import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(pathlib.Path(sys.argv[1]))
store.put(Credential(server=f"https://{sys.argv[2]}.example", generation=1), 0)
print(store.fingerprint(Secret("x")), store.notice is not None)
"""


class TestManyProcesses:
    @pytest.mark.parametrize("attempt", range(3))
    def test_sixteen_that_create_the_vault_at_once_make_one(
        self, home: Path, script: Script, attempt: int
    ) -> None:
        processes = [script(CREATE, number) for number in range(16)]
        start_together(processes)
        said = [finished(process).split() for process in processes]

        assert len({fingerprint for fingerprint, _ in said}) == 1
        assert [notice for _, notice in said].count("True") == 1
        assert len(opened(home).logins()) == 16
        assert not [each.name for each in home.iterdir() if "corrupt" in each.name or ".new" in each.name]
        assert len(list(home.glob("vault.key*"))) == 1


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, mcp_vacuum.storage.credentials, mcp_vacuum.testing\n"
        "heavy = 'cryptography keyring platformdirs pydantic sqlite3 anyio subprocess pytest'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
