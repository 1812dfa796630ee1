"""Sealing all records of a vault anew, some at a time, while others read and write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.cipher import Cipher
from mcp_vacuum.storage.envelope import refuse_newer, reseal

if TYPE_CHECKING:
    from mcp_vacuum.storage.database import Database

Progress = Callable[[int, int], object]
"""Told how many records are done, and how many there were to do."""

BATCH = 200
"""Records to a transaction: others wait for some milliseconds."""
COUNT = "SELECT count(*) FROM records WHERE key_id <> ?"
OUTDATED = """
    SELECT kind, name, account, CAST(sealed AS BLOB) FROM records
    WHERE (kind, name, account) > (?, ?, ?) AND key_id <> ? ORDER BY kind, name, account LIMIT ?"""
RESEAL = """
    UPDATE records SET sealed = ?, key_id = ?
    WHERE kind = ? AND name = ? AND account = ? AND CAST(sealed AS BLOB) = ?"""
KEEP = """
    UPDATE records SET key_id = ? WHERE kind = ? AND name = ? AND account = ? AND CAST(sealed AS BLOB) = ?"""
STRANGE = """
    SELECT kind, name, account, CAST(substr(sealed, 1, 16) AS BLOB) FROM records
    WHERE substr(sealed, 1, 6) <> CAST('mcpv1:' AS BLOB)"""


class Resealed(NamedTuple):
    """How many records were sealed anew, and how many do not open and were left as they are."""

    done: int
    unopened: int


def refuse_newer_records(database: Database) -> None:
    """Pass if this version can open what is there, or nobody can.

    Raises:
        StorageError: A newer mcp-vacuum sealed a record.
    """
    for *key, beginning in database.execute(STRANGE)[0]:
        refuse_newer(beginning, RecordKey(*key))


def reseal_all(database: Database, cipher: Cipher, progress: Progress) -> Resealed:
    """Seal every record under the cipher's first key, and have it name that key.

    A record that somebody writes meanwhile is left to him: no store takes one under a former key. What does
    not open is left byte for byte.

    Raises:
        StorageError: The vault cannot be read or written; what is done is done.
    """
    total = database.execute(COUNT, cipher.key_id)[0][0][0]
    done = unopened = 0
    for batch in _outdated(database, cipher.key_id):
        fresh = [
            (reseal(SealedRecord(sealed), RecordKey(*key), cipher), *key, sealed) for *key, sealed in batch
        ]
        with database.transaction() as connection:
            anew = [(new, cipher.key_id, *rest) for new, *rest in fresh if new is not None]
            connection.executemany(RESEAL, anew)
            connection.executemany(KEEP, [(cipher.key_id, *rest) for new, *rest in fresh if new is None])
        done, unopened = done + len(anew), unopened + len(fresh) - len(anew)
        progress(done + unopened, total)
    if database.execute(COUNT, cipher.key_id)[0][0][0]:
        raise StorageError("some records are still sealed under the former key", hint="run it again")
    return Resealed(done, unopened)


def _outdated(database: Database, key_id: str) -> Iterator[list[Any]]:
    """Return the records that name another key, some at a time, in the order of their names."""
    after: tuple[str, ...] = ("", "", "")
    while batch := database.execute(OUTDATED, *after, key_id, BATCH)[0]:
        yield batch
        after = batch[-1][:3]
