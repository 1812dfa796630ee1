"""Rows on their way in and out of a store, while somebody may be changing the vault's key.

A row names the key that it is sealed under, and the store takes none under a former key. So a
program that has not heard of a rotation finds out by itself, asks the key source once more, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mcp_vacuum.errors import KeyRotated, StorageError
from mcp_vacuum.storage.base import Kind, RecordKey, RecordStore, Row
from mcp_vacuum.storage.cipher import Cipher
from mcp_vacuum.storage.envelope import Body, open_sealed, seal

Renew = Callable[[], tuple[Cipher, str]]
"""Asks the vault's key source anew; returns the present cipher and the name of the source."""
TRIES = 10
"""How many rotations may go by during one call."""


class Found(NamedTuple):
    """A row and the cipher for it. Opening it asks nobody: what fails then is the record's own fault."""

    row: Row
    cipher: Cipher

    def body(self) -> Body:
        """Return what is sealed.

        Raises:
            RecordDamaged: It does not open.
            StorageError: A newer mcp-vacuum wrote it.
        """
        row = self.row
        return open_sealed(row.sealed, row.key, row.generation, self.cipher)


class SealedRecords:
    """A record store and the key to it."""

    def __init__(self, records: RecordStore, cipher: Cipher, key_source: str, renew: Renew | None) -> None:
        """Begin with `cipher`; `renew` is None for a store whose key never changes."""
        self._records = records
        self._renew = renew
        self.cipher = cipher
        self.key_source = key_source

    def get(self, key: RecordKey) -> Found | None:
        """Return a record, ready to be opened; None if there is none.

        Raises:
            KeyUnavailable: The key was changed, and the new one is not to be had.
            StorageError: The store cannot be read.
        """
        row = self._records.get(key)
        return None if row is None else self._found(row)

    def list(self, kind: Kind) -> Iterator[Found]:
        """Return all records of a kind that are still there when their turn comes; see `get`."""
        return (found for row in self._records.list(kind) if (found := self._found(row)))

    def put(self, key: RecordKey, body: Body, generation: int, expected: int, **columns: Any) -> None:
        """Seal a record under the present key and write it; see `RecordStore.put`.

        Raises:
            KeyUnavailable: The key was changed, and the new one is not to be had; nothing was written.
            StorageError: Nothing was written.
        """

        def write(cipher: Cipher) -> None:
            row = Row(key, seal(body, key, generation, cipher), generation, **columns, key_id=cipher.key_id)
            self._records.put(row, expected_generation=expected)

        self._with_present_key(write)

    def keep(self, row: Row) -> None:
        """Write a new row as it is: for one that does not open under any key."""

        def write(cipher: Cipher) -> None:
            columns = (row.generation, row.issuer, row.alias, row.expires_at, cipher.key_id)
            self._records.put(Row(row.key, row.sealed, *columns), expected_generation=0)

        self._with_present_key(write)

    def _with_present_key(self, write: Callable[[Cipher], None]) -> None:
        for _ in range(TRIES):
            try:
                return write(self.cipher)
            except KeyRotated:
                self._renewed()
        raise _no_rest()

    def _found(self, row: Row) -> Found | None:
        cipher = self.cipher
        return Found(row, cipher) if cipher.opens(row.key_id) else self._found_anew(row)

    def _found_anew(self, row: Row) -> Found | None:
        """Find the key of a row that this process has not; or the row, if it was sealed anew meanwhile."""
        for _ in range(TRIES):
            cipher = self._renewed()
            if cipher.opens(row.key_id):
                return Found(row, cipher)
            again = self._records.get(row.key)
            if again is None:
                return None
            if cipher.opens(again.key_id) or again == row:  # the latter: it names a key that there is not
                return Found(again, cipher)
            row = again
        raise _no_rest()

    def _renewed(self) -> Cipher:
        # No lock: two threads that ask at once both get the present key.
        if self._renew is None:
            return self.cipher
        self.cipher, self.key_source = cipher, _ = self._renew()
        return cipher


def _no_rest() -> StorageError:
    return StorageError("the vault's key is being changed all the time", hint="try again")
