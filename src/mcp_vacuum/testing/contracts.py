"""What every implementation of an interface has to do, as tests to inherit.

```python
class TestMyStore(RecordStoreContract):
    def make_store(self) -> RecordStore:
        return MyStore(...)
```
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_vacuum.errors import AliasTaken, GenerationConflict, StorageError
from mcp_vacuum.storage.base import RecordKey, RecordStore, Row, SealedRecord

KEY = RecordKey("login", "https://mcp.example/a", "default")
OTHER = RecordKey("login", "https://mcp.example/b", "default")
CLIENT = RecordKey("client", "https://as.example")


def row(
    key: RecordKey = KEY, generation: int = 1, *, sealed: bytes = b"\x00sealed\xff", alias: str | None = None
) -> Row:
    """Return a record with something in every column."""
    return Row(key, SealedRecord(sealed), generation, "https://as.example", alias, 1_700_000_000.25)


class RecordStoreContract:
    """The docstring of `RecordStore`, executable. Inherit it and say how to make an empty store."""

    def make_store(self) -> RecordStore:
        """Return a new, empty store."""
        raise NotImplementedError

    def test_what_was_put_comes_back_whole(self) -> None:
        """Every column, with the bytes and the fraction of a second as they were."""
        store = self.make_store()
        store.put(row(alias="work"), expected_generation=0)

        assert store.get(KEY) == row(alias="work")

    def test_absent_columns_stay_absent(self) -> None:
        """None is a value of its own, not an empty string or 0."""
        store = self.make_store()
        bare = Row(KEY, SealedRecord(b"x"), 1)
        store.put(bare, expected_generation=0)

        assert store.get(KEY) == bare

    def test_no_record_is_none(self) -> None:
        """Absent is an answer, not an error."""
        assert self.make_store().get(KEY) is None

    def test_kind_name_and_account_tell_records_apart(self) -> None:
        """Nothing of the key is optional, and case counts."""
        store = self.make_store()
        keys = [
            KEY,
            replace(KEY, account="work"),
            replace(KEY, kind="client"),
            replace(KEY, name=KEY.name + "/"),
            replace(KEY, name=KEY.name.upper()),
            replace(KEY, name="https://bücher.example/?q=%25&x='\";--"),
        ]
        for number, key in enumerate(keys):
            store.put(row(key, sealed=b"%d" % number), expected_generation=0)

        assert [store.get(key) for key in keys] == [
            row(key, sealed=b"%d" % number) for number, key in enumerate(keys)
        ]

    def test_a_record_is_replaced_by_its_successor(self) -> None:
        """The generation that was read is the ticket to write."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.put(row(generation=2, sealed=b"new"), expected_generation=1)

        assert store.get(KEY) == row(generation=2, sealed=b"new")

    def test_a_journal_entry_keeps_the_generation(self) -> None:
        """A record may be written again with the generation it had."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.put(row(sealed=b"with journal"), expected_generation=1)

        assert store.get(KEY) == row(sealed=b"with journal")

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_a_stale_writer_is_refused_and_nothing_changes(self, expected: int) -> None:
        """Neither an older nor a newer ticket, nor "there is none", replaces generation 2."""
        store = self.make_store()
        store.put(row(generation=2), expected_generation=0)
        with pytest.raises(GenerationConflict):
            store.put(row(generation=9, sealed=b"stale"), expected_generation=expected)

        assert store.get(KEY) == row(generation=2)

    def test_a_record_that_is_gone_is_not_written_again(self) -> None:
        """A refresh that ends after a logout does not bring the login back."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.delete(KEY)
        with pytest.raises(GenerationConflict):
            store.put(row(generation=2), expected_generation=1)

        assert store.get(KEY) is None

    def test_deleting_tells_whether_there_was_one(self) -> None:
        """Deleting twice is not an error."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.put(row(OTHER), expected_generation=0)

        assert [store.delete(KEY), store.delete(KEY)] == [True, False]
        assert store.get(OTHER) == row(OTHER)

    def test_a_list_has_one_kind_in_order(self) -> None:
        """Ordered by name, then account."""
        store = self.make_store()
        keys = [OTHER, replace(KEY, account="z"), KEY, CLIENT]
        for key in keys:
            store.put(row(key), expected_generation=0)

        assert [found.key for found in store.list("login")] == [KEY, replace(KEY, account="z"), OTHER]
        assert store.list("client") == [row(CLIENT)]

    def test_an_empty_store_lists_nothing(self) -> None:
        """No record, no row."""
        assert self.make_store().list("login") == []

    def test_an_alias_names_one_login(self) -> None:
        """A second login with the same alias is refused, new or changed."""
        store = self.make_store()
        store.put(row(alias="work"), expected_generation=0)
        with pytest.raises(AliasTaken):
            store.put(row(OTHER, alias="work"), expected_generation=0)
        store.put(row(OTHER), expected_generation=0)
        with pytest.raises(AliasTaken):
            store.put(row(OTHER, 2, alias="work"), expected_generation=1)

        assert store.get(OTHER) == row(OTHER)

    def test_a_login_keeps_its_own_alias(self) -> None:
        """Its successor is not in its way, and a stale writer is told of the conflict, not of the alias."""
        store = self.make_store()
        store.put(row(alias="work"), expected_generation=0)
        store.put(row(generation=2, alias="work"), expected_generation=1)
        with pytest.raises(GenerationConflict):
            store.put(row(generation=1, alias="work"), expected_generation=0)

        assert store.get(KEY) == row(generation=2, alias="work")

    def test_an_alias_is_free_again(self) -> None:
        """After its login dropped it, and after its login is gone."""
        store = self.make_store()
        store.put(row(alias="work"), expected_generation=0)
        store.put(row(), expected_generation=1)
        store.put(row(OTHER, alias="work"), expected_generation=0)
        store.delete(OTHER)
        store.put(row(alias="work"), expected_generation=1)

        assert store.get(KEY) == row(alias="work")

    def test_of_many_writers_one_wins_each_round(self) -> None:
        """Threads that count a record up lose no step."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        _in_threads(8, lambda: _count_up(store, 5))

        found = store.get(KEY)
        assert found is not None
        assert found.generation == 41

    def test_a_lease_has_one_holder(self) -> None:
        """Threads of one process exclude each other."""
        store = self.make_store()
        inside: list[int] = []
        most: list[int] = []

        def hold() -> None:
            with store.lease(KEY, 20):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

        _in_threads(8, hold)

        assert most == [1] * 8

    def test_a_lease_that_is_held_too_long_is_an_error(self) -> None:
        """The deadline is kept, and the lease is free once its holder lets go."""
        store = self.make_store()
        with store.lease(KEY, 1):
            caught = _from_another_thread(lambda: _try_lease(store, 0.1))
        again = _from_another_thread(lambda: _try_lease(store, 0.1))

        assert (type(caught), again) == (StorageError, None)

    def test_leases_of_two_records_are_two(self) -> None:
        """A slow refresh of one server does not stop another."""
        store = self.make_store()
        with store.lease(KEY, 1), store.lease(OTHER, 1):
            pass

    def test_a_lease_ends_with_an_error_inside(self) -> None:
        """What goes wrong under a lease does not keep it."""
        store = self.make_store()
        with pytest.raises(ZeroDivisionError), store.lease(KEY, 1):
            raise ZeroDivisionError
        with store.lease(KEY, 0):
            pass

    def test_a_store_may_be_written_under_a_lease(self) -> None:
        """The lease is no transaction."""
        store = self.make_store()
        with store.lease(KEY, 1):
            store.put(row(), expected_generation=0)

        assert store.get(KEY) == row()

    def test_closing_loses_nothing(self) -> None:
        """Further calls open it anew."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.close()
        store.close()

        assert store.get(KEY) == row()

    def test_two_stores_have_two_locations(self) -> None:
        """A location is an identity."""
        one, two = self.make_store(), self.make_store()

        assert one.location == one.location
        assert one.location != two.location


def _count_up(store: RecordStore, steps: int) -> None:
    while steps:
        found = store.get(KEY)
        assert found is not None
        try:
            store.put(row(generation=found.generation + 1), expected_generation=found.generation)
        except GenerationConflict:
            continue
        steps -= 1


def _try_lease(store: RecordStore, timeout: float) -> Exception | None:
    try:
        with store.lease(KEY, timeout):
            return None
    except StorageError as caught:
        return caught


def _from_another_thread(function: Callable[[], Exception | None]) -> Exception | None:
    results: list[Exception | None] = []
    _in_threads(1, lambda: results.append(function()))
    return results[0]


def _in_threads(count: int, function: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as caught:  # noqa: BLE001  (raised again below)
            errors.append(caught)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
