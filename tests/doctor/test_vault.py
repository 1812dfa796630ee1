"""The vault's file, read without its key and without changing it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.vault import VaultFile, check_file, check_schema, check_vault, look_at_vault
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.reading import PATIENCE
from mcp_vacuum.storage.schema import SCHEMA_VERSION
from tests.storage.conftest import login, registration


def finding(home: Path, name: str) -> Finding:
    return next(found for found in check_vault(look_at_vault(home)) if found.name == name)


@contextmanager
def changed(home: Path) -> Iterator[sqlite3.Connection]:
    """Change the vault from outside."""
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        yield connection
        connection.commit()


def test_none_yet(home: Path) -> None:
    facts = look_at_vault(home)

    assert not facts.openable
    assert [found.verdict for found in check_vault(facts)] == ["ok", "skipped", "skipped"]


def test_no_way_to_it(home: Path) -> None:
    home.write_text("")
    facts = look_at_vault(home)

    assert not facts.openable
    assert [found.verdict for found in check_vault(facts)] == ["skipped"] * 3


class TestSound:
    @pytest.fixture(autouse=True)
    def _two_logins(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.put(login(account="work"), 0)
        store.put_registration(registration())

    def test_it_is_counted(self, home: Path) -> None:
        facts = look_at_vault(home)

        assert facts.openable
        assert all(found.verdict == "ok" for found in check_vault(facts))
        assert check_file(facts).what.endswith("2 logins, 1 client registration")

    def test_no_file_is_changed(self, store: CredentialStore, home: Path) -> None:
        """SQLite may leave its own companions behind, empty; the next writer takes them away."""
        store.close()
        before = _digest(home)
        look_at_vault(home)
        after = _digest(home)

        assert {name: after[name] for name in before} == before
        assert set(after) - set(before) <= {"vault.db-wal", "vault.db-shm"}
        assert all((home / name).stat().st_mode & 0o077 == 0 for name in after)

    def test_a_record_that_was_set_aside(self, store: CredentialStore, home: Path) -> None:
        with changed(home) as connection:
            connection.execute("UPDATE records SET sealed = 'x' || sealed WHERE account = 'work'")
        store.delete("https://mcp.example/mcp", "work")

        assert finding(home, "records").what == "1 damaged record was set aside in the vault"

    def test_no_reserve(self, home: Path) -> None:
        (home / "vault.reserve").unlink()

        assert finding(home, "reserve").verdict == "warn"


class TestTrouble:
    @pytest.fixture(autouse=True)
    def _a_vault(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.close()

    def test_no_database_is_named_and_left_where_it_is(self, home: Path) -> None:
        (home / "vault.db").write_bytes(b"not a database" * 1000)
        found = finding(home, "vault")

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert "is damaged: file is not a database" in found.what
        assert (home / "vault.db").read_bytes().startswith(b"not a database")

    def test_a_damaged_page(self, home: Path) -> None:
        content = bytearray((home / "vault.db").read_bytes())
        content[4096:8192] = os.urandom(4096)
        (home / "vault.db").write_bytes(content)
        facts = look_at_vault(home)

        assert check_file(facts).verdict == "fail"
        assert not facts.openable
        assert (home / "vault.db").read_bytes() == content

    def test_another_database(self, home: Path) -> None:
        (home / "vault.db").unlink()
        with changed(home) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")

        assert "it is a database, but no vault" in finding(home, "vault").what

    def test_a_newer_schema(self, home: Path) -> None:
        with changed(home) as connection:
            connection.execute("UPDATE header SET value = '99' WHERE name = 'schema'")
        facts = look_at_vault(home)

        assert not facts.openable
        assert check_schema(facts).fix == "pip install -U mcp-vacuum"
        assert f"ours is {SCHEMA_VERSION}" in check_schema(facts).what

    def test_a_process_that_keeps_it_busy(self, home: Path) -> None:
        with closing(sqlite3.connect(home / "vault.db", isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            found = finding(home, "vault")

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert f"busy for more than {PATIENCE:.0f} s" in found.what

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
    def test_the_file_of_another_user_is_not_opened(self, home: Path) -> None:
        os.chown(home / "vault.db", 12345, 12345)

        assert "another user" in finding(home, "vault").what

    def test_what_was_moved_aside(self, home: Path) -> None:
        for name in ("vault.db.corrupt-20260101T000000Z", "vault.db.corrupt-20260101T000000Z-wal"):
            (home / name).write_bytes(b"")
        (home / "vault.db-wal.orphan-20260101T000000Z").write_bytes(b"")
        found = finding(home, "aside")

        assert found.verdict == "warn"
        assert found.what == "vault.db.corrupt-20260101T000000Z was moved out of the way, and 1 more"


def test_an_older_schema_comes_forward_by_itself() -> None:
    found = check_schema(VaultFile(Path("/v"), 1, {"schema": "0"}))

    assert (found.verdict, "brings it forward" in found.what) == ("ok", True)


def _digest(home: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in home.iterdir() if each.is_file()
    }
