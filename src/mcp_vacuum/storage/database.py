"""The vault's file: one connection a process, opened anew when the file changed under us.

A new vault is built beside its place and renamed into it whole, so whoever sees the file sees a finished
vault. A file that SQLite cannot open as a database is moved aside, never deleted.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.home import move_aside, owned_by_me, private_directory, sync_directory
from mcp_vacuum.storage.lease import locked
from mcp_vacuum.storage.schema import build, connect, migrate
from mcp_vacuum.storage.trouble import CORRUPT, explained, primary

MOVE_TIMEOUT = 60.0
"""Seconds to wait while another process creates the vault or moves a corrupt one aside."""
WITH = ("-wal", "-shm")
"""What belongs to a SQLite file and has to move with it: the newest commits may be there."""


@dataclass(slots=True)
class Handle:
    """The connection of one process, guarded by a lock; `inode` tells whether the file is still the same."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    connection: sqlite3.Connection | None = None
    inode: tuple[int, int] = (0, 0)


class Database:
    """One SQLite file and this process's connection to it. Opens nothing when constructed."""

    def __init__(self, path: Path) -> None:
        """Stand for the vault at `path`, whether it exists or not."""
        self.path = path
        self._name = str(path)
        # By process: a connection must not cross a fork, not even to be closed, so old ones stay here.
        self._handles: dict[int, Handle] = {}
        self._vault_id: str | None = None

    def exists(self) -> bool:
        """True if there is a vault; an empty file is none.

        Raises:
            StorageError: It cannot be seen whether there is one.
        """
        try:
            return self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except NotADirectoryError as caught:
            raise StorageError(
                f"the vault {self.path} cannot be seen: {self.path.parent} is not a directory",
                hint="move it away, or set MCP_VACUUM_HOME to another one",
            ) from caught
        except OSError as caught:
            raise StorageError(
                f"the vault {self.path} cannot be seen: {caught.strerror}",
                hint="make its directory one of yours, or set MCP_VACUUM_HOME to another one",
            ) from caught

    def create(self, header: Mapping[str, str]) -> None:
        """Make an empty vault with this header. Call it under `creation()`, where no vault exists.

        Raises:
            StorageError: It cannot be written; nothing is left behind.
        """
        private_directory(self.path.parent)
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            self._clear_the_place(fresh)
            build(fresh, header)
            fresh.replace(self.path)
            sync_directory(self.path.parent)
        except (sqlite3.Error, OSError) as caught:
            raise explained(self.path, caught) from caught

    def creation(self) -> AbstractContextManager[None]:
        """Hold the right to create this vault or to move it aside, across processes."""
        return locked(self.path.with_name("vault.lock"), MOVE_TIMEOUT, f"making the vault {self.path}")

    def execute(self, statement: str, *values: object) -> tuple[list[Any], int]:
        """Run one statement, a transaction of its own; return its rows and how many it changed.

        Raises:
            StorageError: The vault is missing, damaged, newer, or cannot be read or written.
        """
        handle = self._handle()
        with handle.lock:
            try:
                cursor = self._connection(handle).execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
            except (sqlite3.Error, OSError) as caught:
                raise explained(self.path, caught) from caught

    def stamp(self) -> object:
        """Return something that stays equal until another connection has written, or the file is another."""
        handle = self._handle()
        with handle.lock:
            try:
                connection = self._connection(handle)
                return connection, connection.execute("PRAGMA data_version").fetchone()
            except (sqlite3.Error, OSError) as caught:
                raise explained(self.path, caught) from caught

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Have the connection alone, in a transaction that is committed unless something is raised.

        Raises:
            StorageError: As for `execute`; nothing was written.
        """
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Have the connection alone; SQLite's complaints come out in words.

        Raises:
            StorageError: As for `execute`.
        """
        handle = self._handle()
        with handle.lock:
            try:
                yield self._connection(handle)
            except (sqlite3.Error, OSError) as caught:
                raise explained(self.path, caught) from caught

    def close(self) -> None:
        """Close this process's connection; further calls open it anew."""
        handle = self._handle()
        with handle.lock:
            if handle.connection is not None:
                handle.connection.close()
            handle.connection = None

    def _clear_the_place(self, fresh: Path) -> None:
        # An unfinished vault never had a record. But a -wal without its vault has commits in it, and SQLite
        # would delete it: it is kept.
        for each in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in WITH)):
            each.unlink(missing_ok=True)
        for orphan in (self.path.with_name(self.path.name + suffix) for suffix in WITH):
            if orphan.exists():
                move_aside(orphan, "orphan")

    def _handle(self) -> Handle:
        pid = os.getpid()
        return self._handles.get(pid) or self._handles.setdefault(pid, Handle())

    def _connection(self, handle: Handle) -> sqlite3.Connection:
        connection = handle.connection
        if connection is None or self._inode() != handle.inode:
            return self._reopen(handle)
        return connection

    def _inode(self) -> tuple[int, int]:
        # A write to a file that was moved away under us would be a login lost.
        try:
            found = os.stat(self._name)  # noqa: PTH116 - on the way of each record, and Path.stat is slower
        except OSError as caught:
            raise StorageError(
                f"the vault {self.path} is not there: {caught.strerror}",
                hint="restore it, or `mcp-vacuum login URL` makes a new one",
            ) from caught
        return found.st_dev, found.st_ino

    def _reopen(self, handle: Handle) -> sqlite3.Connection:
        if handle.connection is not None:
            handle.connection.close()
            handle.connection = None
        handle.inode = self._inode()
        private_directory(self.path.parent)
        _refuse_foreign(self.path)
        try:
            handle.connection = self._opened()
        except sqlite3.DatabaseError as caught:
            if primary(caught) in CORRUPT:
                raise self._moved_aside(handle.inode) from caught
            raise
        return handle.connection

    def _opened(self) -> sqlite3.Connection:
        connection = connect(self.path)
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
            if primary(caught) != sqlite3.SQLITE_ERROR:
                raise
            raise StorageError(f"{self.path} is a database, but no vault", hint="move it away") from caught
        if self._vault_id not in (None, header.get("vault_id")):
            raise StorageError(
                f"the vault {self.path} was replaced by another one", hint="run the command again"
            )
        migrate(connection, self.path)
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
