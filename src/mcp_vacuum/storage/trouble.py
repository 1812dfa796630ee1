"""What SQLite and the disk complain of, in words: what happened and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mcp_vacuum.errors import StorageError

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process's transaction."""
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


def primary(caught: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where the error is Python's own."""
    return getattr(caught, "sqlite_errorcode", 0) & 0xFF


def explained(path: Path, caught: sqlite3.Error | OSError) -> StorageError:
    """Return the error for people: nothing of SQLite's own words where we know better ones."""
    if isinstance(caught, OSError):
        why, fix = caught.strerror or str(caught), "make its directory writable and free some space"
    else:
        why, fix = CAUSES.get(primary(caught), (str(caught), "run `mcp-vacuum doctor`"))
    return StorageError(f"the vault {path}: {why}; nothing was lost", hint=fix)
