"""The vault's tables, how a new one is built and how an older one is brought forward."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage import trouble
from mcp_vacuum.storage.cipher import key_id_of
from mcp_vacuum.storage.names import host_of

FIRST = (
    "CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE records (
        kind TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL,
        generation INTEGER NOT NULL, issuer TEXT, alias TEXT, expires_at REAL, sealed BLOB NOT NULL,
        PRIMARY KEY (kind, name, account))""",
    "CREATE UNIQUE INDEX alias_of_one_login ON records (alias) WHERE kind = 'login' AND alias IS NOT NULL",
)
"""The tables of schema 1; a new vault is built like an old one and then brought forward."""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "ALTER TABLE records ADD COLUMN key_id TEXT NOT NULL DEFAULT ''",
        """INSERT INTO header (name, value)
            SELECT 'key_id', coalesce(max(key_id_of(value)), '') FROM header WHERE name = 'key_check'""",
        "UPDATE records SET key_id = (SELECT value FROM header WHERE header.name = 'key_id')",
        "ALTER TABLE records ADD COLUMN host TEXT",
        "UPDATE records SET host = host_of(name) WHERE kind = 'login'",
        "CREATE INDEX logins_of_a_host ON records (host) WHERE kind = 'login'",
        # It has every column of a listing, so that none of the sealed bytes is read for one.
        "CREATE INDEX listing ON records (kind, name, account, generation, issuer, alias, expires_at)",
    ),
)
"""The statements of each step; the first one makes schema 2 of schema 1. Steps are added, never changed."""
SCHEMA_VERSION = 1 + len(MIGRATIONS)

SETTINGS = (
    "synchronous = FULL",
    "fullfsync = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    # What was overwritten or deleted is gone, also for whoever gets hold of a former key.
    "secure_delete = ON",
    # KiB, taken as needed: in 2 MiB the inner pages of 100,000 logins would be read anew each time.
    "cache_size = -32768",
)


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection to a vault that is there, with the settings that all of ours have."""
    # mode=rw: a vault that vanished must not come back empty.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=trouble.BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    for setting in SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    return connection


def build(path: Path, header: Mapping[str, str]) -> None:
    """Write a complete new vault file; after the close it stands alone, without a -wal."""
    # SQLite gives its -wal and -shm the mode of the file itself.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in FIRST:
            connection.execute(statement)
        first = {**header, "schema": "1"}
        connection.executemany("INSERT INTO header (name, value) VALUES (?, ?)", first.items())
        migrate(connection, path)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an older schema forward, whole or not at all; a newer one is an error."""
    if _schema(connection) == SCHEMA_VERSION:
        return
    connection.create_function("host_of", 1, host_of, deterministic=True)
    connection.create_function("key_id_of", 1, key_id_of, deterministic=True)
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
