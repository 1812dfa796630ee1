"""What every implementation of an interface has to do, as tests to inherit.

```python
class TestMyStore(RecordStoreContract):
    def make_store(self) -> RecordStore:
        return MyStore(...)


class TestMySource(TokenSourceContract):
    @pytest.fixture
    def bench(self) -> SourceBench:
        return MyBench(...)
```
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import pytest

from mcp_vacuum.errors import (
    AliasTaken,
    GenerationConflict,
    KeyRotated,
    LoginRequired,
    StorageError,
    WrongAudience,
)
from mcp_vacuum.storage.base import RecordKey, RecordStore, Row, SealedRecord
from mcp_vacuum.tokens.source import Headers, Rejection, TokenSource

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

    def another(self, store: RecordStore) -> RecordStore:
        """Return a second object over the records of `store`, or itself where there can be only one."""
        return store

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

    def test_the_header_keeps_what_was_written_last(self) -> None:
        """Each name has one value, and a reader cannot change it by changing its copy."""
        store = self.make_store()
        before = store.header()
        store.change_header({"locked": "yes", "other": "x"})
        store.change_header({"locked": "no", "other": None, "never there": None})
        store.header()["locked"] = "changed"

        assert store.header() == {**before, "locked": "no"}

    def test_what_is_sealed_under_another_key_is_not_written(self) -> None:
        """Neither a new record nor a successor."""
        store = self.make_store()
        store.put(row(), expected_generation=0)
        store.change_header({"key_id": "other"})
        for key, expected in ((OTHER, 0), (KEY, 1)):
            with pytest.raises(KeyRotated):
                store.put(row(key, 2), expected_generation=expected)
        store.put(replace(row(generation=2), key_id="other"), expected_generation=1)

        assert store.get(KEY) == replace(row(generation=2), key_id="other")
        assert store.get(OTHER) is None

    def test_an_index_is_the_list_without_what_is_sealed(self) -> None:
        """The same records in the same order."""
        store = self.make_store()
        for key in (OTHER, replace(KEY, account="z"), KEY, CLIENT):
            store.put(row(key), expected_generation=0)

        assert store.index("login") == [found.entry for found in store.list("login")]
        assert [entry.key for entry in store.index("client")] == [CLIENT]
        assert store.index("damaged") == []

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("work", "0"),
            ("https://mcp.example/a", "012"),
            ("mcp.example", "012"),
            ("MCP.example:443", "012"),
            ("http://127.0.0.1:8000/a", "3"),
            ("127.0.0.1", "3"),
            ("grant", "4"),
            ("as.example", ""),
            ("https://as.example", ""),
            ("WORK", ""),
            ("", ""),
            ("%", ""),
            ("http://[", ""),
        ],
    )
    def test_logins_are_found_by_alias_name_or_host(self, name: str, found: str) -> None:
        """All that could be meant; which one is, others decide. A registration is no login."""
        store = self.make_store()
        names = [KEY.name, KEY.name, OTHER.name, "http://127.0.0.1:8000/a", "grant"]
        keys = [RecordKey("login", each, f"{number}") for number, each in enumerate(names)]
        for key in (*keys, CLIENT):
            store.put(row(key, alias="work" if key is keys[0] else None), expected_generation=0)

        assert "".join(sorted(entry.key.account for entry in store.find(name))) == found

    def test_a_stamp_changes_when_another_writes(self) -> None:
        """A record, a header value, a deletion; and not by reading."""
        store = self.make_store()
        other = self.another(store)
        stamps = [store.stamp()]
        for write in (
            lambda: other.put(row(), expected_generation=0),
            lambda: other.change_header({"locked": "yes"}),
            lambda: other.delete(KEY),
        ):
            write()
            store.get(KEY)
            stamps.append(store.stamp())
            store.list("login")
            assert store.stamp() == stamps[-1]

        assert all(one != two for one, two in itertools.pairwise(stamps))

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

        assert isinstance(caught, StorageError)
        assert again is None

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


class SourceBench(Protocol):
    """What `TokenSourceContract` needs besides the source: a server that can be told to misbehave."""

    @property
    def source(self) -> TokenSource:
        """The source under test, over a login that lives."""
        ...

    @property
    def url(self) -> str:
        """A URL that its tokens are for."""
        ...

    @property
    def foreign(self) -> Sequence[str]:
        """URLs that they are not for: another origin, another path."""
        ...

    def works(self, headers: Headers) -> bool:
        """True if the resource takes a request with these headers."""
        ...

    def forget(self) -> None:
        """Have the token in memory be no good any more, as at its end."""
        ...

    def refreshes(self) -> int:
        """Return how many refresh requests the authorization server has seen."""
        ...

    def end(self) -> None:
        """Have the authorization server end the login."""
        ...


class TokenSourceContract:
    """The docstring of `TokenSource`, executable. Inherit it and give it a bench.

    A DPoP source passes too: its headers differ from request to request, its access token does not.
    """

    @pytest.fixture
    def bench(self) -> SourceBench:
        """Return a bench with a new login; a fixture of the same name replaces this one."""
        raise NotImplementedError

    def test_headers_are_taken_by_the_resource(self, bench: SourceBench) -> None:
        """Blocking and async give the same token."""
        blocking = bench.source.headers_blocking("POST", bench.url)
        waited = asyncio.run(_headers(bench))

        assert bench.works(blocking)
        assert _token(blocking) == _token(waited)

    def test_what_is_ready_needs_no_waiting_and_is_the_same(self, bench: SourceBench) -> None:
        """`ready` may have nothing; what it has is good."""
        token = _token(bench.source.headers_blocking("POST", bench.url))
        ready = bench.source.ready("POST", bench.url)

        assert ready is None or _token(ready) == token

    def test_nothing_is_refreshed_while_a_token_is_good(self, bench: SourceBench) -> None:
        """However often it is asked."""
        bench.source.headers_blocking("POST", bench.url)
        before = bench.refreshes()
        for _ in range(10):
            bench.source.headers_blocking("POST", bench.url)

        assert bench.refreshes() == before

    def test_no_other_url_gets_a_token(self, bench: SourceBench) -> None:
        """Not ready, not waited for, not after a refusal."""
        for url in bench.foreign:
            with pytest.raises(WrongAudience):
                bench.source.ready("GET", url)
            with pytest.raises(WrongAudience):
                bench.source.headers_blocking("GET", url)
            with pytest.raises(WrongAudience):
                asyncio.run(_headers(bench, url))

    def test_many_tasks_cause_one_refresh(self, bench: SourceBench) -> None:
        """They wait for the same answer."""
        bench.forget()
        before = bench.refreshes()

        async def crowd() -> set[str]:
            asked = (bench.source.headers("POST", bench.url) for _ in range(50))
            return {_token(headers) for headers in await asyncio.gather(*asked)}

        assert len(asyncio.run(crowd())) == 1
        assert bench.refreshes() == before + 1

    def test_threads_and_event_loops_cause_one_refresh(self, bench: SourceBench) -> None:
        """A loop in one thread, blocking calls in others."""
        bench.forget()
        before = bench.refreshes()
        got: list[str] = []

        def in_a_loop() -> None:
            got.append(_token(asyncio.run(_headers(bench))))

        def blocking() -> None:
            got.append(_token(bench.source.headers_blocking("POST", bench.url)))

        threads = [threading.Thread(target=work) for work in (in_a_loop, blocking) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(got), len(set(got))) == (8, 1)
        assert bench.refreshes() == before + 1

    def test_a_refused_token_is_not_shown_again(self, bench: SourceBench) -> None:
        """A 401 for a token that looked good is answered by one refresh."""
        refused = bench.source.headers_blocking("POST", bench.url)
        better = bench.source.headers_blocking("POST", bench.url, refused=refused)

        assert _token(better) != _token(refused)
        assert bench.works(better)

    def test_after_a_refusal_of_an_old_token_there_is_a_better_one(self, bench: SourceBench) -> None:
        """And none after the refusal of a token that was obtained for this very request."""
        refused = bench.source.headers_blocking("POST", bench.url)
        better = bench.source.after_blocking("POST", bench.url, Rejection(401, refused))
        fresh = bench.source.after_blocking("POST", bench.url, Rejection(401, better or {}, fresh=True))

        assert better is not None
        assert _token(better) != _token(refused)
        assert fresh is None

    def test_both_faces_answer_a_refusal_alike(self, bench: SourceBench) -> None:
        """`after` is `after_blocking` in an event loop."""
        refused = bench.source.headers_blocking("POST", bench.url)
        better = asyncio.run(_after(bench, Rejection(401, refused)))

        assert better is not None
        assert bench.works(better)

    def test_more_scope_needs_a_person(self, bench: SourceBench) -> None:
        """A 403 insufficient_scope names the command to type."""
        headers = bench.source.headers_blocking("POST", bench.url)
        challenge = 'Bearer error="insufficient_scope", scope="more"'

        with pytest.raises(LoginRequired, match="more") as caught:
            bench.source.after_blocking("POST", bench.url, Rejection(403, headers, (challenge,)))
        assert "mcp-vacuum login" in (caught.value.hint or "")

    def test_a_login_that_has_ended_needs_a_person(self, bench: SourceBench) -> None:
        """And it says so again and again."""
        bench.source.headers_blocking("POST", bench.url)
        bench.end()
        bench.forget()

        for _ in range(2):
            with pytest.raises(LoginRequired):
                bench.source.headers_blocking("POST", bench.url)

    def test_a_nonce_is_taken_in_any_case(self, bench: SourceBench) -> None:
        """A Bearer source has no use for it."""
        headers = bench.source.headers_blocking("POST", bench.url)
        bench.source.note_nonce(bench.url, "a-nonce-that-nobody-asked-for")

        assert _token(bench.source.headers_blocking("POST", bench.url)) == _token(headers)


def _token(headers: Headers) -> str:
    return headers["Authorization"].partition(" ")[2]


async def _headers(bench: SourceBench, url: str | None = None) -> Headers:
    return await bench.source.headers("POST", url or bench.url)


async def _after(bench: SourceBench, rejection: Rejection) -> Headers | None:
    return await bench.source.after("POST", bench.url, rejection)
