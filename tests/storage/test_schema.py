from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage import schema as under_test
from mcp_vacuum.storage.base import RecordKey, Row, SealedRecord
from mcp_vacuum.storage.vault import FIND, INDEX, Vault
from mcp_vacuum.testing.contracts import KEY, row

from .conftest import Script, finished, start_together
from .vaults import borrowed, made, sql


class TestHeader:
    def test_it_is_written_and_read(self, home: Path) -> None:
        vault = made(home)
        vault.change_header({"locked": "yes"})
        vault.change_header({"locked": "no"})

        assert Vault(vault.path).header() == {
            "schema": "2",
            "vault_id": "test",
            "key_id": "",
            "locked": "no",
        }

    def test_a_newer_vault_is_not_touched(self, home: Path) -> None:
        made(home).close()
        sql(home, "UPDATE header SET value = '99' WHERE name = 'schema'")
        before = (home / "vault.db").read_bytes()
        vault = Vault(home / "vault.db")
        for ask in (vault.header, lambda: vault.get(KEY), lambda: vault.put(row(), expected_generation=1)):
            with pytest.raises(StorageError, match="newer mcp-vacuum") as caught:
                ask()
            assert caught.value.hint == "pip install -U mcp-vacuum"
        vault.close()

        assert (home / "vault.db").read_bytes() == before

    def test_an_older_vault_is_brought_forward(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made(home).close()
        monkeypatch.setattr(
            under_test,
            "MIGRATIONS",
            (*under_test.MIGRATIONS, ("ALTER TABLE records ADD COLUMN x",), ("CREATE TABLE y (z)",)),
        )
        monkeypatch.setattr(under_test, "SCHEMA_VERSION", 4)
        vault = Vault(home / "vault.db")

        assert vault.get(KEY) == row(alias="work")
        assert vault.header()["schema"] == "4"

    def test_a_migration_that_fails_leaves_the_old_vault(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(home).close()
        with monkeypatch.context() as patch:
            patch.setattr(
                under_test, "MIGRATIONS", (*under_test.MIGRATIONS, ("CREATE TABLE y (z)", "nonsense"))
            )
            patch.setattr(under_test, "SCHEMA_VERSION", 3)
            with pytest.raises(StorageError):
                Vault(home / "vault.db").get(KEY)
        vault = Vault(home / "vault.db")

        assert vault.get(KEY) == row(alias="work")
        assert vault.header()["schema"] == "2"

    def test_another_programs_database_is_refused_and_kept(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        sql(home, "CREATE TABLE theirs (x)")
        before = (home / "vault.db").read_bytes()
        with pytest.raises(StorageError, match="is a database, but no vault"):
            Vault(home / "vault.db").header()

        assert (home / "vault.db").read_bytes() == before


SCHEMA_1 = """
CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    kind TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL,
    generation INTEGER NOT NULL, issuer TEXT, alias TEXT, expires_at REAL, sealed BLOB NOT NULL,
    PRIMARY KEY (kind, name, account));
CREATE UNIQUE INDEX alias_of_one_login ON records (alias) WHERE kind = 'login' AND alias IS NOT NULL;
INSERT INTO header VALUES
    ('schema', '1'), ('vault_id', 'test'), ('key_check', '0123456789abcdefff'), ('locked', 'yes');
INSERT INTO records VALUES
    ('login', 'https://MCP.example:8443/a', 'default', 7, 'https://as.example', 'work', 1.5, x'0001ff'),
    ('login', 'a grant', 'x', 1, NULL, NULL, NULL, x'02'),
    ('client', 'https://as.example', '', 3, 'https://as.example', NULL, NULL, x'03'),
    ('damaged', 'https://mcp.example', 'login default 5', 1, NULL, NULL, NULL, x'04');
"""
"""The first version's own words: never changed, whatever becomes of the schema."""


@pytest.fixture
def first_version(home: Path) -> Path:
    """A vault as the first version left it, in write-ahead mode."""
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA_1)
    return home


class TestSchema1:
    def test_nothing_of_it_is_lost(self, first_version: Path) -> None:
        vault = Vault(first_version / "vault.db")
        key = RecordKey("login", "https://MCP.example:8443/a", "default")

        assert vault.get(key) == Row(
            key, SealedRecord(b"\x00\x01\xff"), 7, "https://as.example", "work", 1.5, "0123456789abcdef"
        )
        assert [len(vault.list(kind)) for kind in ("login", "client", "damaged")] == [2, 1, 1]
        assert vault.header() == {
            "schema": str(under_test.SCHEMA_VERSION),
            "vault_id": "test",
            "key_check": "0123456789abcdefff",
            "key_id": "0123456789abcdef",
            "locked": "yes",
        }

    def test_its_logins_are_found_by_host(self, first_version: Path) -> None:
        vault = Vault(first_version / "vault.db")

        assert [entry.alias for entry in vault.find("mcp.example")] == ["work"]
        assert [entry.key.account for entry in vault.find("a grant")] == ["x"]

    def test_it_has_the_tables_of_a_new_vault(self, first_version: Path, tmp_path: Path) -> None:
        Vault(first_version / "vault.db").header()
        made(tmp_path / "new")

        assert tables(first_version) == tables(tmp_path / "new")

    def test_of_many_that_open_it_at_once_one_brings_it_forward(
        self, first_version: Path, script: Script
    ) -> None:
        processes = [script(OPEN) for _ in range(8)]
        start_together(processes)

        assert [finished(process) for process in processes] == ["2 1"] * 8


OPEN = """
import pathlib, sys
from mcp_vacuum.storage.vault import Vault
vault = Vault(pathlib.Path(sys.argv[1]) / "vault.db")
print("ready", flush=True)
sys.stdin.readline()
print(len(vault.index("login")), len(vault.find("work")))
"""


def tables(home: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        found = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return sorted((name, " ".join(words.split())) for name, words in found)


class TestListing:
    def test_it_reads_no_sealed_byte(self, home: Path) -> None:
        with borrowed(made(home)) as connection:
            plans = [
                " ".join(step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound))
                for statement, bound in ((INDEX, ("login",)), (FIND, ("work", "mcp.example")))
            ]

        assert "USING COVERING INDEX listing" in plans[0]
        assert "SCAN records" not in plans[1]
        assert {"alias_of_one_login", "logins_of_a_host"} <= set(plans[1].split())
