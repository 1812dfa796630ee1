"""A RecordStore that ends with its process: for tests, and for programs that keep nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from mcp_vacuum.errors import AliasTaken, GenerationConflict, KeyRotated, StorageError
from mcp_vacuum.storage.base import Entry, Kind, RecordKey, Row
from mcp_vacuum.storage.names import host_of

_numbers = itertools.count(1)


class MemoryRecordStore:
    """Records in a dictionary, with the manners of the vault."""

    def __init__(self) -> None:
        self._rows: dict[RecordKey, Row] = {}
        self._header = {"key_id": ""}
        self._writes = 0
        self._guard = threading.Lock()
        self._leases: dict[RecordKey, threading.Lock] = {}
        self._location = f"memory:{next(_numbers)}"

    @property
    def location(self) -> str:
        """Identity of the store; no two instances share one."""
        return self._location

    def get(self, key: RecordKey) -> Row | None:
        """Return the record, or None if there is none."""
        return self._rows.get(key)

    def put(self, row: Row, *, expected_generation: int) -> None:
        """Write the record whole.

        Raises:
            GenerationConflict: The stored generation is another one; nothing was written.
            AliasTaken: Another login has this alias; nothing was written.
            KeyRotated: The row is sealed under a former key; nothing was written.
        """
        with self._guard:
            if row.key_id != self._header["key_id"]:
                raise KeyRotated("the store has a new key")
            old = self._rows.get(row.key)
            if (old.generation if old else 0) != expected_generation:
                raise GenerationConflict(f"the record of {row.key.name} was changed by somebody else")
            self._refuse_taken_alias(row)
            self._rows[row.key] = row
            self._writes += 1

    def delete(self, key: RecordKey) -> bool:
        """Forget the record; True if there was one."""
        with self._guard:
            self._writes += 1
            return self._rows.pop(key, None) is not None

    def list(self, kind: Kind) -> list[Row]:
        """Return all records of a kind, ordered by name and account."""
        with self._guard:
            rows = [row for row in self._rows.values() if row.key.kind == kind]
        return sorted(rows, key=lambda row: (row.key.name, row.key.account))

    def index(self, kind: Kind) -> Sequence[Entry]:
        """Return what there is of a kind, in the same order, without the sealed bytes."""
        return [row.entry for row in self.list(kind)]

    def find(self, name: str) -> Sequence[Entry]:
        """Return the logins whose alias, name or server's host is meant."""
        host = host_of(name)
        return [
            entry
            for entry in self.index("login")
            if name in (entry.alias, entry.key.name) or (host and host_of(entry.key.name) == host)
        ]

    def stamp(self) -> object:
        """Return how often the store was written."""
        return self._writes

    def header(self) -> dict[str, str]:
        """Return a copy of the header."""
        with self._guard:
            return dict(self._header)

    def change_header(self, changes: Mapping[str, str | None]) -> None:
        """Write values of the header; None takes a name out."""
        with self._guard:
            left = {name: value for name, value in self._header.items() if name not in changes}
            self._header = left | {name: value for name, value in changes.items() if value is not None}
            self._writes += 1

    @contextmanager
    def lease(self, key: RecordKey, timeout: float) -> Iterator[None]:
        """Hold the right to refresh one record, across threads.

        Raises:
            StorageError: Another thread kept it for longer than `timeout` seconds.
        """
        with self._guard:
            lock = self._leases.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=max(timeout, 0.0)):
            raise StorageError(f"another thread has been refreshing {key.name} for more than {timeout:g} s")
        try:
            yield
        finally:
            lock.release()

    def close(self) -> None:
        """Nothing to free; the records stay."""

    def _refuse_taken_alias(self, row: Row) -> None:
        if row.alias is None or row.key.kind != "login":
            return
        for other in self._rows.values():
            if other.key.kind == "login" and other.alias == row.alias and other.key != row.key:
                raise AliasTaken(f"the alias {row.alias} already names {other.key.name}")
