"""RecordStore: a place that keeps sealed records. By type, it is never handed a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, NewType, Protocol

Kind = Literal["login", "client", "damaged"]
"""``login``: a credential. ``client``: a registration at an issuer, shared by accounts. ``damaged``: a record
that did not open and was set aside; its account says what it was and when."""

SealedRecord = NewType("SealedRecord", bytes)
"""Ciphertext that names its own record; only `envelope.seal()` makes one."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What a record is filed under.

    Attributes:
        kind: Login or client registration.
        name: The server URL of a login, the issuer of a registration.
        account: The account of a login; empty for a registration.
    """

    kind: Kind
    name: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing tells of a record without opening it; see `Row`."""

    key: RecordKey
    generation: int
    issuer: str | None = None
    alias: str | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A sealed record and its clear columns.

    Attributes:
        key: What it is filed under.
        sealed: The ciphertext.
        generation: Counts up with each change of tokens.
        issuer: The authorization server.
        alias: Unique among logins, or None.
        expires_at: Unix seconds at which the newest access token ends, or None.
        key_id: Which of the vault's keys it is sealed under.
    """

    key: RecordKey
    sealed: SealedRecord
    generation: int
    issuer: str | None = None
    alias: str | None = None
    expires_at: float | None = None
    key_id: str = ""

    @property
    def entry(self) -> Entry:
        """The clear columns alone."""
        return Entry(self.key, self.generation, self.issuer, self.alias, self.expires_at)


class RecordStore(Protocol):
    """A place that keeps sealed records: a SQLite vault, a dictionary.

    Methods block and may be called from any thread; async callers use a worker thread.
    `mcp_vacuum.testing.contracts.RecordStoreContract` is this docstring, executable.
    """

    @property
    def location(self) -> str:
        """Identity of the store: equal for two objects over the same records in this process."""
        ...

    def get(self, key: RecordKey) -> Row | None:
        """Return the record, or None if there is none.

        Raises:
            StorageError: The store cannot be read. Absent and unreadable are two answers.
        """
        ...

    def put(self, row: Row, *, expected_generation: int) -> None:
        """Write the record whole: a crash leaves the old one or the new one.

        Args:
            row: The new record. Its generation may equal the old one's (a journal entry).
            expected_generation: The stored generation that `row` follows; 0 for no record.

        Raises:
            GenerationConflict: The stored generation is another one; nothing was written.
            AliasTaken: Another login has this alias; nothing was written.
            KeyRotated: The header's `key_id` is not the row's; nothing was written. Else a writer that
                has not heard of a rotation would leave a record that nobody can open.
            StorageError: Disk full, read-only, busy for too long; nothing was written.
        """
        ...

    def delete(self, key: RecordKey) -> bool:
        """Forget the record; True if there was one. Deleting twice is not an error."""
        ...

    def list(self, kind: Kind) -> list[Row]:
        """Return all records of a kind, ordered by name and account."""
        ...

    def index(self, kind: Kind) -> Sequence[Entry]:
        """Return what there is of a kind, in the same order, without reading a sealed byte."""
        ...

    def find(self, name: str) -> Sequence[Entry]:
        """Return the logins whose alias or name is `name`, or whose server's host is that of `name`.

        In the order of `list`. It takes about as long as there are such logins, not as there are logins.
        """
        ...

    def stamp(self) -> object:
        """Return something that stays equal until another connection has written the store.

        It takes some microseconds, so that a cache can ask it each time. Own writes may change it or not.

        Raises:
            StorageError: As for `get`.
        """
        ...

    def header(self) -> dict[str, str]:
        """Return what the store knows about itself: its id, where its key comes from, whether it is locked.

        Raises:
            StorageError: As for `get`.
        """
        ...

    def change_header(self, changes: Mapping[str, str | None]) -> None:
        """Write values of the header, all of them or none; None takes a name out.

        Raises:
            StorageError: As for `put`.
        """
        ...

    def lease(self, key: RecordKey, timeout: float) -> AbstractContextManager[None]:
        """Hold the right to refresh one record, across threads and processes.

        The death of its holder frees it at once. It is never held across a transaction.

        Args:
            key: The record.
            timeout: Seconds to wait for another holder.

        Raises:
            StorageError: Another holder kept it for longer than `timeout`.
        """
        ...

    def close(self) -> None:
        """Free file handles; further calls open them anew."""
        ...
