"""Looking into a vault without changing anything: no migration, no repair, no new mode, no new file.

The vault itself does all of that when it is opened; an examiner must not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_vacuum.errors import KeyUnavailable, StorageError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.storage.base import Entry, RecordKey, Row
from mcp_vacuum.storage.cipher import Cipher
from mcp_vacuum.storage.envelope import client_from_dict, credential_from_dict, open_sealed
from mcp_vacuum.storage.keys import Sources, unlock
from mcp_vacuum.storage.locking import refuse_locked
from mcp_vacuum.storage.opening import VAULT_FILE
from mcp_vacuum.storage.schema import SCHEMA_VERSION
from mcp_vacuum.storage.vault import COLUMNS, INDEX, entry_of

if TYPE_CHECKING:
    from mcp_vacuum.storage.key_source import Ask

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds to wait for another process's transaction."""
ROWS = f"SELECT {COLUMNS} FROM records ORDER BY kind, name, account"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Reading:
    """A vault as it lies there.

    Attributes:
        path: The file.
        header: What it says about itself.
        rows: Every record, sealed.
    """

    path: Path
    header: dict[str, str]
    rows: tuple[Row, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The clear columns of every record."""
        return tuple(row.entry for row in self.rows)


@dataclass(frozen=True, slots=True)
class Records:
    """What a vault holds, opened.

    Attributes:
        logins, clients: Those that open.
        closed: What does not.
    """

    logins: tuple[Credential, ...] = ()
    clients: tuple[ClientCredentials, ...] = ()
    closed: tuple[RecordKey, ...] = field(default=())


def read_vault(home: Path) -> Reading | None:
    """Read the vault of a home, sealed as it is; None where there is none. No key is asked for.

    Raises:
        StorageError: It cannot be read, or is of another version.
    """
    return _looked_into(home / VAULT_FILE, _read)


def read_logins(home: Path) -> tuple[Entry, ...]:
    """Return the clear columns of the logins, without reading a sealed byte; none where there is no vault.

    Raises:
        StorageError: It cannot be read.
    """
    return _looked_into(home / VAULT_FILE, _logins) or ()


def open_records(reading: Reading, ask: Ask | None = None) -> Records:
    """Open every record in memory. The key source is asked once; nothing is written.

    Args:
        reading: The vault.
        ask: How a passphrase is asked for; None asks nobody.

    Raises:
        VaultLocked: Its owner locked it; its key was not asked for.
        KeyUnavailable: The key is missing, locked, or a passphrase that nobody may be asked for.
        StorageError: The header is not complete.
    """
    refuse_locked(reading.header)
    if reading.header.get("key_source") == "passphrase" and ask is None:
        raise KeyUnavailable("the vault's key is a passphrase, and nobody was asked for it")
    cipher = unlock(reading.header, Sources(reading.path.parent, ask=ask)).cipher
    opened = [(row.key, _opened(row, cipher)) for row in reading.rows if row.key.kind != "damaged"]
    return Records(
        tuple(each for _, each in opened if isinstance(each, Credential)),
        tuple(each for _, each in opened if isinstance(each, ClientCredentials)),
        tuple(key for key, each in opened if each is None),
    )


def connect_read_only(path: Path, *, traceless: bool = False) -> sqlite3.Connection:
    """Open a vault's file for reading.

    Args:
        path: The file.
        traceless: Leave nothing behind, where that can be done: SQLite makes an empty log beside a vault that
            it opens, unless it is told that nobody writes. A vault that has a log is being written.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    log = path.with_name(f"{path.name}-wal")
    written = log.exists() and log.stat().st_size > 0
    still = "&immutable=1" if traceless and not written else ""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{still}", uri=True, timeout=PATIENCE, isolation_level=None
    )


def _looked_into(path: Path, read: Callable[[sqlite3.Connection, Path], T]) -> T | None:
    """Read from a vault's file; None where there is none, or an empty one."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        with closing(connect_read_only(path, traceless=True)) as connection:
            return read(connection, path)
    except (sqlite3.Error, OSError) as caught:
        raise StorageError(f"the vault cannot be read: {caught}") from caught


def _logins(connection: sqlite3.Connection, _path: Path) -> tuple[Entry, ...]:
    return tuple(entry_of(found) for found in connection.execute(INDEX, ("login",)))


def _read(connection: sqlite3.Connection, path: Path) -> Reading:
    header: dict[str, str] = dict(connection.execute("SELECT name, value FROM header"))
    if header.get("schema", "1") != str(SCHEMA_VERSION):
        raise StorageError(f"its schema is {header.get('schema', '1')}, this version reads {SCHEMA_VERSION}")
    return Reading(path, header, tuple(_row(found) for found in connection.execute(ROWS)))


def _row(found: tuple[Any, ...]) -> Row:
    kind, name, account, *columns = found
    return Row(RecordKey(kind, name, account), *columns)


def _opened(row: Row, cipher: Cipher) -> Credential | ClientCredentials | None:
    try:
        body = open_sealed(row.sealed, row.key, row.generation, cipher)
        return credential_from_dict(body) if row.key.kind == "login" else client_from_dict(body)
    except (StorageError, ValueError):
        return None
