"""The vault: sealed records in one SQLite file, with clear columns for listings. Nothing here has the key."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from mcp_vacuum.errors import AliasTaken, GenerationConflict, KeyRotated
from mcp_vacuum.storage.base import Entry, Kind, RecordKey, Row
from mcp_vacuum.storage.database import Database
from mcp_vacuum.storage.home import keep_reserve, spend_reserve
from mcp_vacuum.storage.lease import lease_path, locked
from mcp_vacuum.storage.names import host_of
from mcp_vacuum.storage.trouble import NO_ROOM, primary

SEALED = "CAST(sealed AS BLOB), generation, issuer, alias, expires_at, key_id"
COLUMNS = f"kind, name, account, {SEALED}"
CLEAR = "kind, name, account, generation, issuer, alias, expires_at"
SELECT = f"SELECT {SEALED} FROM records WHERE kind = ? AND name = ? AND account = ?"  # noqa: S608
LIST = f"SELECT {COLUMNS} FROM records WHERE kind = ? ORDER BY name, account"  # noqa: S608
INDEX = f"SELECT {CLEAR} FROM records WHERE kind = ? ORDER BY name, account"  # noqa: S608
FIND = f"""
    SELECT {CLEAR} FROM records WHERE kind = 'login' AND name = ?1
    UNION SELECT {CLEAR} FROM records INDEXED BY alias_of_one_login WHERE kind = 'login' AND alias = ?1
    UNION SELECT {CLEAR} FROM records INDEXED BY logins_of_a_host WHERE kind = 'login' AND host = ?2
    ORDER BY name, account"""  # noqa: S608
OF_THIS_KEY = "EXISTS (SELECT 1 FROM header WHERE header.name = 'key_id' AND value = ?)"
"""Part of each write, so that no rotation can come between looking and writing."""
INSERT = f"""
    INSERT INTO records (host, sealed, generation, issuer, alias, expires_at, key_id, kind, name, account)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE {OF_THIS_KEY}"""
UPDATE = (
    "UPDATE records SET sealed = ?, generation = ?, issuer = ?, alias = ?, expires_at = ?, key_id = ?"  # noqa: S608
    f" WHERE kind = ? AND name = ? AND account = ? AND generation = ? AND {OF_THIS_KEY}"
)
DELETE = "DELETE FROM records WHERE kind = ? AND name = ? AND account = ?"


class Vault:
    """A `RecordStore` in a SQLite file. Opens nothing when constructed.

    Attributes:
        path: The file.
        database: It, for what concerns the vault as a whole.
    """

    def __init__(self, path: Path) -> None:
        """Stand for the vault at `path`, whether it exists or not."""
        self.path = path
        self.database = Database(path)
        self._reserve = path.with_name("vault.reserve")

    @property
    def location(self) -> str:
        """Identity of the store: the file's real path."""
        return f"vault:{os.path.realpath(self.path)}"

    def exists(self) -> bool:
        """True if there is a vault; an empty file is none.

        Raises:
            StorageError: It cannot be seen whether there is one.
        """
        return self.database.exists()

    def create(self, header: Mapping[str, str]) -> None:
        """Make an empty vault with this header, and its reserve. Call it under `creation()`.

        Raises:
            StorageError: It cannot be written; nothing is left behind.
        """
        self.database.create(header)
        with suppress(OSError):
            keep_reserve(self._reserve)

    def creation(self) -> AbstractContextManager[None]:
        """Hold the right to create this vault or to move it aside, across processes."""
        return self.database.creation()

    def header(self) -> dict[str, str]:
        """Return the header: schema, vault id, key source, key check.

        Raises:
            StorageError: As for `get`.
        """
        return dict(self.database.execute("SELECT name, value FROM header")[0])

    def change_header(self, changes: Mapping[str, str | None]) -> None:
        """Write values of the header in one transaction; None takes a name out.

        Raises:
            StorageError: As for `put`.
        """
        with self.database.transaction() as connection:
            write_header(connection, changes)

    def get(self, key: RecordKey) -> Row | None:
        """Return the record, or None if there is none.

        Raises:
            StorageError: The vault is missing, damaged, newer, or cannot be read.
        """
        rows, _ = self.database.execute(SELECT, key.kind, key.name, key.account)
        return Row(key, *rows[0]) if rows else None

    def put(self, row: Row, *, expected_generation: int) -> None:
        """Write the record in one transaction; see `RecordStore.put`.

        On a full disk a new generation is written all the same: it holds a token that exists nowhere else,
        and a reserve is kept for it. What does not raise the generation, such as the journal entry before a
        refresh, is refused unless the reserve is there: so a refresh is not begun that could not be kept.

        Raises:
            GenerationConflict: The stored generation is another one; nothing was written.
            AliasTaken: Another login has this alias; nothing was written.
            KeyRotated: The row is sealed under a former key; nothing was written.
            StorageError: Disk full, read-only, busy for too long; nothing was written.
        """
        with self.database.connection() as connection:
            if row.generation == expected_generation:
                keep_reserve(self._reserve)
            done = self._written(connection, row, expected_generation)
        if not done:
            raise GenerationConflict(f"the record of {row.key.name} was changed by somebody else")

    def delete(self, key: RecordKey) -> bool:
        """Forget the record; True if there was one.

        Raises:
            StorageError: As for `put`; the record is still there.
        """
        return self.database.execute(DELETE, key.kind, key.name, key.account)[1] > 0

    def list(self, kind: Kind) -> list[Row]:
        """Return all records of a kind, ordered by name and account, unopened.

        Raises:
            StorageError: As for `get`.
        """
        return [_row(found) for found in self.database.execute(LIST, kind)[0]]

    def index(self, kind: Kind) -> Sequence[Entry]:
        """Return what there is of a kind, in the same order, without reading a sealed byte.

        Raises:
            StorageError: As for `get`.
        """
        return [entry_of(found) for found in self.database.execute(INDEX, kind)[0]]

    def find(self, name: str) -> Sequence[Entry]:
        """Return the logins whose alias or name is `name`, or whose server's host is that of `name`.

        Raises:
            StorageError: As for `get`.
        """
        return [entry_of(found) for found in self.database.execute(FIND, name, host_of(name))[0]]

    def stamp(self) -> object:
        """Return something that stays equal until another connection has written the vault.

        Raises:
            StorageError: As for `get`.
        """
        return self.database.stamp()

    def lease(self, key: RecordKey, timeout: float) -> AbstractContextManager[None]:
        """Hold the right to refresh one record: an OS lock on a file, freed with its holder's life.

        Raises:
            StorageError: Another holder kept it for longer than `timeout` seconds.
        """
        path = lease_path(self.path.with_name("leases"), key)
        return locked(path, timeout, f"refreshing {key.name}")

    def close(self) -> None:
        """Close this process's connection; further calls open it anew."""
        self.database.close()

    def _written(self, connection: sqlite3.Connection, row: Row, expected: int) -> bool:
        """Write the row if its predecessor is the expected one; False if it is not."""
        named = (row.key.kind, row.key.name, row.key.account)
        values = (row.sealed, row.generation, row.issuer, row.alias, row.expires_at, row.key_id, *named)
        bound = (*values, expected, row.key_id) if expected else (host_of(row.key.name), *values, row.key_id)
        try:
            done = self._insist(
                connection, UPDATE if expected else INSERT, bound, precious=row.generation > expected
            )
        except sqlite3.IntegrityError:
            if expected or connection.execute(SELECT, named).fetchone() is None:
                raise AliasTaken(f"the alias {row.alias} already names another login") from None
            return False
        if not done and connection.execute(f"SELECT {OF_THIS_KEY}", (row.key_id,)).fetchone() == (0,):
            raise KeyRotated(f"the vault's key was changed while the record of {row.key.name} was sealed")
        return done

    def _insist(
        self, connection: sqlite3.Connection, statement: str, values: tuple[object, ...], *, precious: bool
    ) -> bool:
        try:
            return connection.execute(statement, values).rowcount > 0
        except sqlite3.OperationalError as caught:
            if not precious or primary(caught) not in NO_ROOM or not spend_reserve(self._reserve):
                raise
        return connection.execute(statement, values).rowcount > 0


def write_header(connection: sqlite3.Connection, changes: Mapping[str, str | None]) -> None:
    """Write values of the header within a transaction; None takes a name out."""
    kept = [(name, value) for name, value in changes.items() if value is not None]
    connection.executemany("INSERT OR REPLACE INTO header (name, value) VALUES (?, ?)", kept)
    gone = [(name,) for name, value in changes.items() if value is None]
    connection.executemany("DELETE FROM header WHERE name = ?", gone)


def _row(found: tuple[Any, ...]) -> Row:
    kind, name, account, *columns = found
    return Row(RecordKey(kind, name, account), *columns)


def entry_of(found: tuple[Any, ...]) -> Entry:
    """Return a row of `CLEAR` as an entry."""
    kind, name, account, *columns = found
    return Entry(RecordKey(kind, name, account), *columns)
