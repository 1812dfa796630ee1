"""The vault: sealed records in one SQLite file, with clear columns for listings.

Nothing here has the key. A new vault is built beside its place and renamed into it whole, so whoever sees
the file sees a finished vault. A file that SQLite cannot open as a database is moved aside, never deleted.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_vacuum.errors import AliasTaken, GenerationConflict, StorageError
from mcp_vacuum.storage.base import Kind, RecordKey, Row, SealedRecord
from mcp_vacuum.storage.home import (
    keep_reserve,
    move_aside,
    owned_by_me,
    private_directory,
    spend_reserve,
    sync_directory,
)
from mcp_vacuum.storage.lease import lease_path, locked

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process's transaction."""
MOVE_TIMEOUT = 60.0
"""Seconds to wait while another process creates the vault or moves a corrupt one aside."""

SCHEMA = (
    "CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE records (
        kind TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL,
        generation INTEGER NOT NULL, issuer TEXT, alias TEXT, expires_at REAL, sealed BLOB NOT NULL,
        PRIMARY KEY (kind, name, account))""",
    "CREATE UNIQUE INDEX alias_of_one_login ON records (alias) WHERE kind = 'login' AND alias IS NOT NULL",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = ()
"""The statements of each step; the first one makes schema 2 of schema 1. Steps are added, never changed."""
SCHEMA_VERSION = 1 + len(MIGRATIONS)
WITH = ("-wal", "-shm")
"""What belongs to a SQLite file and has to move with it: the newest commits may be there."""

COLUMNS = "kind, name, account, sealed, generation, issuer, alias, expires_at"
SELECT = f"SELECT {COLUMNS} FROM records WHERE kind = ? AND name = ? AND account = ?"  # noqa: S608
LIST = f"SELECT {COLUMNS} FROM records WHERE kind = ? ORDER BY name, account"  # noqa: S608
INSERT = (
    "INSERT INTO records (sealed, generation, issuer, alias, expires_at, kind, name, account)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE = (
    "UPDATE records SET sealed = ?, generation = ?, issuer = ?, alias = ?, expires_at = ?"
    " WHERE kind = ? AND name = ? AND account = ? AND generation = ?"
)
DELETE = "DELETE FROM records WHERE kind = ? AND name = ? AND account = ?"

NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""A full disk; a quota or a size limit is an I/O error to SQLite."""
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
CAUSES = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space and try again"),
    sqlite3.SQLITE_IOERR: ("the disk does not take or give data", "check free space, quota and disk"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "make the file and its directory writable"),
    sqlite3.SQLITE_PERM: ("access is denied", "make the file and its directory yours"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "make the directory exist and writable"),
    sqlite3.SQLITE_BUSY: (f"another process kept it busy for {BUSY_TIMEOUT:g} s", "try again"),
    sqlite3.SQLITE_LOCKED: ("another process keeps it busy", "try again"),
    sqlite3.SQLITE_CORRUPT: ("a part of it is damaged", "restore a backup, or use `sqlite3 FILE .recover`"),
}
"""SQLite's primary result code to what happened and what to do."""


@dataclass(slots=True)
class _Handle:
    """The connection of one process, guarded by a lock; `inode` tells whether the file is still the same."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    connection: sqlite3.Connection | None = None
    inode: tuple[int, int] = (0, 0)


class Vault:
    """A `RecordStore` in a SQLite file. Opens nothing when constructed."""

    def __init__(self, path: Path) -> None:
        """Stand for the vault at `path`, whether it exists or not."""
        self.path = path
        self._reserve = path.with_name("vault.reserve")
        # By process: a connection must not cross a fork, not even to be closed, so old ones stay here.
        self._handles: dict[int, _Handle] = {}
        self._vault_id: str | None = None

    @property
    def location(self) -> str:
        """Identity of the store: the file's real path."""
        return f"vault:{os.path.realpath(self.path)}"

    def exists(self) -> bool:
        """True if there is a vault; an empty file is none."""
        try:
            return self.path.stat().st_size > 0
        except OSError as caught:
            if isinstance(caught, (FileNotFoundError, NotADirectoryError)):
                return False
            raise StorageError(f"the vault {self.path} cannot be seen: {caught.strerror}") from caught

    def create(self, header: Mapping[str, str]) -> None:
        """Make an empty vault with this header. Call it under `creation()`, where no vault exists.

        Raises:
            StorageError: It cannot be written; nothing is left behind.
        """
        private_directory(self.path.parent)
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            self._clear_the_place(fresh)
            _build(fresh, {"schema": str(SCHEMA_VERSION), **header})
            fresh.replace(self.path)
            sync_directory(self.path.parent)
        except (sqlite3.Error, OSError) as caught:
            raise self._explained(caught) from caught
        with suppress(OSError):
            keep_reserve(self._reserve)

    def creation(self) -> AbstractContextManager[None]:
        """Hold the right to create this vault or to move it aside, across processes."""
        return locked(self.path.with_name("vault.lock"), MOVE_TIMEOUT, f"making the vault {self.path}")

    def header(self) -> dict[str, str]:
        """Return the header: schema, vault id, key source, key check.

        Raises:
            StorageError: As for `get`.
        """
        return dict(self._execute("SELECT name, value FROM header")[0])

    def set_header(self, name: str, value: str) -> None:
        """Write one value of the header.

        Raises:
            StorageError: As for `put`.
        """
        self._execute("INSERT OR REPLACE INTO header (name, value) VALUES (?, ?)", name, value)

    def get(self, key: RecordKey) -> Row | None:
        """Return the record, or None if there is none.

        Raises:
            StorageError: The vault is missing, damaged, newer, or cannot be read.
        """
        rows, _ = self._execute(SELECT, key.kind, key.name, key.account)
        return _row(rows[0]) if rows else None

    def put(self, row: Row, *, expected_generation: int) -> None:
        """Write the record in one transaction; see `RecordStore.put`.

        On a full disk a new generation is written all the same: it holds a token that exists nowhere else,
        and a reserve is kept for it. What does not raise the generation, such as the journal entry before a
        refresh, is refused unless the reserve is there: so a refresh is not begun that could not be kept.

        Raises:
            GenerationConflict: The stored generation is another one; nothing was written.
            AliasTaken: Another login has this alias; nothing was written.
            StorageError: Disk full, read-only, busy for too long; nothing was written.
        """
        handle = self._handle()
        with handle.lock:
            try:
                connection = self._connection(handle)
                if row.generation == expected_generation:
                    keep_reserve(self._reserve)
                done = self._written(connection, row, expected_generation)
            except (sqlite3.Error, OSError) as caught:
                raise self._explained(caught) from caught
        if not done:
            raise GenerationConflict(f"the record of {row.key.name} was changed by somebody else")

    def delete(self, key: RecordKey) -> bool:
        """Forget the record; True if there was one.

        Raises:
            StorageError: As for `put`; the record is still there.
        """
        return self._execute(DELETE, key.kind, key.name, key.account)[1] > 0

    def list(self, kind: Kind) -> list[Row]:
        """Return all records of a kind, ordered by name and account, unopened.

        Raises:
            StorageError: As for `get`.
        """
        return [_row(found) for found in self._execute(LIST, kind)[0]]

    def lease(self, key: RecordKey, timeout: float) -> AbstractContextManager[None]:
        """Hold the right to refresh one record: an OS lock on a file, freed with its holder's life.

        Raises:
            StorageError: Another holder kept it for longer than `timeout` seconds.
        """
        path = lease_path(self.path.with_name("leases"), key)
        return locked(path, timeout, f"refreshing {key.name}")

    def close(self) -> None:
        """Close this process's connection; further calls open it anew."""
        handle = self._handle()
        with handle.lock:
            if handle.connection is not None:
                handle.connection.close()
            handle.connection = None

    def _written(self, connection: sqlite3.Connection, row: Row, expected: int) -> bool:
        """Write the row if its predecessor is the expected one; False if it is not."""
        named = (row.key.kind, row.key.name, row.key.account)
        values = (row.sealed, row.generation, row.issuer, row.alias, row.expires_at, *named)
        statement = (UPDATE, (*values, expected)) if expected else (INSERT, values)
        try:
            return self._insist(connection, *statement, precious=row.generation > expected)
        except sqlite3.IntegrityError:
            if expected or connection.execute(SELECT, named).fetchone() is None:
                raise AliasTaken(f"the alias {row.alias} already names another login") from None
            return False

    def _insist(
        self, connection: sqlite3.Connection, statement: str, values: tuple[object, ...], *, precious: bool
    ) -> bool:
        try:
            return connection.execute(statement, values).rowcount > 0
        except sqlite3.OperationalError as caught:
            if not precious or _primary(caught) not in NO_ROOM or not spend_reserve(self._reserve):
                raise
        return connection.execute(statement, values).rowcount > 0

    def _clear_the_place(self, fresh: Path) -> None:
        # An unfinished vault never had a record. But a -wal without its vault has commits in it, and SQLite
        # would delete it: it is kept.
        for each in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in WITH)):
            each.unlink(missing_ok=True)
        for orphan in (self.path.with_name(self.path.name + suffix) for suffix in WITH):
            if orphan.exists():
                move_aside(orphan, "orphan")

    def _handle(self) -> _Handle:
        pid = os.getpid()
        return self._handles.get(pid) or self._handles.setdefault(pid, _Handle())

    def _execute(self, statement: str, *values: object) -> tuple[Sequence[Any], int]:
        """Run one statement, a transaction of its own; return its rows and how many it changed."""
        handle = self._handle()
        with handle.lock:
            try:
                cursor = self._connection(handle).execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
            except (sqlite3.Error, OSError) as caught:
                raise self._explained(caught) from caught

    def _connection(self, handle: _Handle) -> sqlite3.Connection:
        connection = handle.connection
        if connection is None or self._inode() != handle.inode:
            return self._reopen(handle)
        return connection

    def _inode(self) -> tuple[int, int]:
        # A write to a file that was moved away under us would be a login lost.
        try:
            found = self.path.stat()
        except OSError as caught:
            raise StorageError(
                f"the vault {self.path} is not there: {caught.strerror}",
                hint="restore it, or `mcp-vacuum login URL` makes a new one",
            ) from caught
        return found.st_dev, found.st_ino

    def _reopen(self, handle: _Handle) -> sqlite3.Connection:
        if handle.connection is not None:
            handle.connection.close()
            handle.connection = None
        handle.inode = self._inode()
        private_directory(self.path.parent)
        _refuse_foreign(self.path)
        try:
            handle.connection = self._opened()
        except sqlite3.DatabaseError as caught:
            if _primary(caught) in CORRUPT:
                raise self._moved_aside(handle.inode) from caught
            raise
        return handle.connection

    def _opened(self) -> sqlite3.Connection:
        connection = _connect(self.path)
        try:
            self._judge(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _judge(self, connection: sqlite3.Connection) -> None:
        try:
            header = dict(connection.execute("SELECT name, value FROM header"))
        except sqlite3.OperationalError as caught:
            if _primary(caught) != sqlite3.SQLITE_ERROR:
                raise
            raise StorageError(f"{self.path} is a database, but no vault", hint="move it away") from caught
        if self._vault_id not in (None, header.get("vault_id")):
            raise StorageError(
                f"the vault {self.path} was replaced by another one", hint="run the command again"
            )
        _migrate(connection, self.path)
        self._vault_id = header.get("vault_id")

    def _moved_aside(self, inode: tuple[int, int]) -> StorageError:
        """Move what SQLite cannot read out of the way, once, and return the error that says where it is."""
        with self.creation():
            if not self.exists() or self._inode() != inode:
                return StorageError(
                    f"the vault {self.path} was damaged and another process has moved it aside just now",
                    hint="run the command again",
                )
            aside = move_aside(self.path, "corrupt", WITH)
        return StorageError(
            f"the vault {self.path} is damaged; it was moved to {aside}, its key was kept",
            hint=f"restore {self.path} from a backup (its key still fits), or log in again into a new vault",
        )

    def _explained(self, caught: sqlite3.Error | OSError) -> StorageError:
        if isinstance(caught, OSError):
            why, fix = caught.strerror or str(caught), "make its directory writable and free some space"
        else:
            why, fix = CAUSES.get(_primary(caught), (str(caught), "run `mcp-vacuum doctor`"))
        return StorageError(f"the vault {self.path}: {why}; nothing was lost", hint=fix)


def _primary(caught: sqlite3.Error) -> int:
    return getattr(caught, "sqlite_errorcode", 0) & 0xFF


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: a vault that vanished must not come back empty.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    for setting in ("synchronous = FULL", "fullfsync = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _build(path: Path, header: Mapping[str, str]) -> None:
    """Write a complete new vault file; after the close it stands alone, without a -wal."""
    # SQLite gives its -wal and -shm the mode of the file itself.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.executemany("INSERT INTO header (name, value) VALUES (?, ?)", header.items())


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an older schema forward, whole or not at all; a newer one is an error."""
    if _schema(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _schema(connection)
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"the vault {path} was written by a newer mcp-vacuum (schema {version})",
                hint="pip install -U mcp-vacuum",
            )
        for statement in (each for step in MIGRATIONS[version - 1 :] for each in step):
            connection.execute(statement)
        connection.execute("UPDATE header SET value = ? WHERE name = 'schema'", (str(SCHEMA_VERSION),))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _schema(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM header WHERE name = 'schema'").fetchone()
    return int(found[0]) if found else 1


def _refuse_foreign(path: Path) -> None:
    """Take a vault that is ours; close it to others if a copy or a backup opened it."""
    found = path.stat()
    if not owned_by_me(found):
        raise StorageError(
            f"the vault {path} belongs to another user (uid {found.st_uid})",
            hint="run the command as that user",
        )
    if os.name == "posix" and found.st_mode & 0o077:
        path.chmod(0o600)


def _row(found: tuple[Kind, str, str, bytes, int, str | None, str | None, float | None]) -> Row:
    kind, name, account, sealed, generation, issuer, alias, expires_at = found
    return Row(RecordKey(kind, name, account), SealedRecord(sealed), generation, issuer, alias, expires_at)
