"""Looking into a vault without changing anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, StorageError, VaultLocked
from mcp_vacuum.storage.opening import lock_vault
from mcp_vacuum.storage.passphrase_source import Recipe
from mcp_vacuum.storage.reading import connect_read_only, open_records, read_logins, read_vault
from tests.storage.conftest import FakeKeyring, login, opened, registration
from tests.storage.vaults import sql


def state(home: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything about every file."""
    return {
        str(path): ((found := path.stat()).st_mode, found.st_mtime_ns, found.st_ino, path.read_bytes())
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def vault(home: Path, fake_keyring: FakeKeyring) -> Path:
    store = opened(home)
    store.put(login(), 0)
    store.put_registration(registration())
    store.close()
    return home


def test_records_are_read_and_nothing_is_changed(vault: Path) -> None:
    before = state(vault)
    reading = read_vault(vault)
    assert reading is not None
    records = open_records(reading)

    assert records.logins == (login(),)
    assert records.clients == (registration(),)
    assert records.closed == ()
    assert [each.key.kind for each in reading.entries] == ["client", "login"]
    assert state(vault) == before


def test_the_clear_columns_of_logins_need_no_key_and_nothing_is_changed(
    vault: Path, fake_keyring: FakeKeyring, tmp_path: Path
) -> None:
    before = state(vault)
    fake_keyring.items.clear()

    assert [(each.key.kind, each.key.name) for each in read_logins(vault)] == [("login", login().server)]
    assert state(vault) == before
    assert read_logins(tmp_path / "elsewhere") == ()


def test_the_mode_of_a_vault_is_left_as_it_is(vault: Path) -> None:
    (vault / "vault.db").chmod(0o644)
    read_vault(vault)

    assert (vault / "vault.db").stat().st_mode & 0o777 == 0o644


def test_what_another_process_has_just_written_is_seen(vault: Path) -> None:
    store = opened(vault)
    store.put(login(server="https://two.example/mcp", alias=None), 0)
    assert (vault / "vault.db-wal").stat().st_size

    reading = read_vault(vault)
    store.close()
    assert reading is not None
    assert [each.key.name for each in reading.entries if each.key.kind == "login"] == [
        "https://mcp.example/mcp",
        "https://two.example/mcp",
    ]


def test_no_vault_and_no_directory_is_made(home: Path) -> None:
    assert read_vault(home) is None
    assert not home.exists()


def test_a_locked_vault_keeps_its_records(vault: Path) -> None:
    lock_vault(vault)
    reading = read_vault(vault)

    assert reading is not None
    with pytest.raises(VaultLocked):
        open_records(reading)


def test_nobody_is_asked_for_a_passphrase(vault: Path) -> None:
    recipe = Recipe("00" * 16, n=2**10)
    sql(vault, "UPDATE header SET value = 'passphrase' WHERE name = 'key_source'")
    sql(vault, f"INSERT OR REPLACE INTO header VALUES ('key_recipe', '{recipe.text()}')")
    reading = read_vault(vault)
    assert reading is not None

    with pytest.raises(KeyUnavailable, match="nobody was asked"):
        open_records(reading)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "wrong"

    with pytest.raises(KeyUnavailable, match="wrong passphrase"):
        open_records(reading, ask)
    assert len(asked) == 1


def test_a_keyring_that_fails_is_an_error_and_no_key_is_made(vault: Path, fake_keyring: FakeKeyring) -> None:
    kept = dict(fake_keyring.items)
    fake_keyring.items.clear()
    reading = read_vault(vault)
    assert reading is not None

    with pytest.raises(KeyUnavailable):
        open_records(reading)
    assert fake_keyring.items == {}
    assert kept


def test_a_record_that_was_changed_is_named(vault: Path) -> None:
    sql(vault, "UPDATE records SET sealed = 'mcpv1:gAAAAAB' WHERE kind = 'login'")
    reading = read_vault(vault)
    assert reading is not None

    assert [key.name for key in open_records(reading).closed] == ["https://mcp.example/mcp"]


@pytest.mark.parametrize("content", [b"no database at all, but text", b"SQLite format 3\0" + bytes(500)])
def test_what_is_no_vault_is_not_moved(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "vault.db").write_bytes(content)

    with pytest.raises(StorageError):
        read_vault(home)
    assert (home / "vault.db").read_bytes() == content


def test_an_older_or_newer_schema_is_left_alone(vault: Path) -> None:
    sql(vault, "UPDATE header SET value = '99' WHERE name = 'schema'")

    with pytest.raises(StorageError, match="schema is 99"):
        read_vault(vault)


def test_a_connection_cannot_write(vault: Path) -> None:
    import sqlite3

    connection = connect_read_only(vault / "vault.db", traceless=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM records")
    connection.close()
    assert not (vault / "vault.db-wal").exists()
