"""Rows while a key is being changed: seen through a store whose key changes under it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_vacuum.errors import KeyUnavailable, RecordDamaged, StorageError
from mcp_vacuum.storage.base import RecordKey, Row, SealedRecord
from mcp_vacuum.storage.cipher import Cipher, new_key
from mcp_vacuum.storage.envelope import reseal
from mcp_vacuum.storage.memory import MemoryRecordStore
from mcp_vacuum.storage.sealing import SealedRecords

KEY = RecordKey("login", "https://mcp.example", "default")


class Rotating:
    """A store, its key source, and somebody who changes the key."""

    def __init__(self) -> None:
        self.records = MemoryRecordStore()
        self.keys = [new_key()]
        self.asked = 0
        self.trouble: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self._announce()
        self.sealed = SealedRecords(self.records, self.cipher, "test", self.renew)

    @property
    def cipher(self) -> Cipher:
        return Cipher(*self.keys[:2], vault_id="v")

    def renew(self) -> tuple[Cipher, str]:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        found = self.cipher
        self.meanwhile()
        return found, "another"

    def rotate(self, *, reseals: bool = True) -> None:
        """Begin a rotation and, as a rule, seal all records anew."""
        self.keys.insert(0, new_key())
        self._announce()
        for row in self.records.list("login") if reseals else ():
            sealed = reseal(row.sealed, row.key, self.cipher)
            assert sealed is not None
            self.records._rows[row.key] = Row(row.key, sealed, row.generation, key_id=self.cipher.key_id)

    def _announce(self) -> None:
        self.records.change_header({"key_id": self.cipher.key_id})

    def body(self) -> object:
        found = self.sealed.get(KEY)
        return found and found.body()


@pytest.fixture
def world() -> Rotating:
    world = Rotating()
    world.sealed.put(KEY, {"n": 1}, 1, 0)
    return world


class TestReading:
    def test_a_record_under_the_new_key_makes_the_source_be_asked_once(self, world: Rotating) -> None:
        world.rotate()

        assert [world.body(), world.body()] == [{"n": 1}, {"n": 1}]
        assert (world.asked, world.sealed.key_source) == (1, "another")

    def test_a_record_that_is_not_sealed_anew_yet_opens_with_the_former_key(self, world: Rotating) -> None:
        world.rotate(reseals=False)
        assert world.body() == {"n": 1}
        assert world.asked == 0

        world.sealed.put(KEY, {"n": 2}, 2, 1)
        assert world.body() == {"n": 2}

    def test_several_rotations_may_have_gone_by(self, world: Rotating) -> None:
        for _ in range(5):
            world.rotate()

        assert world.body() == {"n": 1}
        assert world.asked == 1

    def test_a_rotation_between_the_row_and_the_key_is_noticed(self, world: Rotating) -> None:
        """The row was read, then two rotations went by: the key that is found is too new for it."""
        world.rotate()
        before = world.records.get(KEY)
        assert before is not None
        world.rotate()
        world.rotate()
        found = world.sealed._found(before)

        assert found is not None
        assert found.body() == {"n": 1}

    def test_a_listing_spans_a_rotation(self, world: Rotating) -> None:
        others = [RecordKey("login", f"https://{n}.example", "default") for n in range(3)]
        for key in others:
            world.sealed.put(key, {"n": key.name}, 1, 0)
        listing = world.sealed.list("login")
        first = next(listing).body()
        world.rotate()
        world.rotate()
        world.sealed.put(others[0], {"n": "new"}, 2, 1)
        world.records.delete(others[2])
        rest = [found.body()["n"] for found in listing]

        assert first == {"n": "https://0.example"}
        assert rest == ["https://1.example", 1]

    def test_a_key_that_is_not_to_be_had_is_no_damage(self, world: Rotating) -> None:
        world.rotate()
        world.trouble = KeyUnavailable("the keyring is locked")
        with pytest.raises(KeyUnavailable):
            world.sealed.get(KEY)

        world.trouble = None
        assert world.body() == {"n": 1}

    def test_a_row_that_names_a_key_which_there_is_not_is_damage(self, world: Rotating) -> None:
        row = world.records.get(KEY)
        assert row is not None
        world.records._rows[KEY] = Row(KEY, SealedRecord(b"mcpv1:x"), 1, key_id="no such key")
        found = world.sealed.get(KEY)
        assert found is not None
        with pytest.raises(RecordDamaged):
            found.body()

    def test_one_that_never_rests_is_given_up(self, world: Rotating) -> None:
        def renew() -> tuple[Cipher, str]:
            world.rotate()
            world.rotate()
            found = world.renew()
            world.rotate()
            world.rotate()
            return found

        restless = SealedRecords(world.records, world.cipher, "test", renew)
        world.rotate()
        world.rotate()
        with pytest.raises(StorageError, match="being changed all the time"):
            restless.get(KEY)

        assert world.asked == 10


class TestWriting:
    def test_what_was_sealed_under_the_former_key_is_sealed_anew(self, world: Rotating) -> None:
        world.rotate()
        world.sealed.put(KEY, {"n": 2}, 2, 1)
        row = world.records.get(KEY)

        assert row is not None
        assert row.key_id == world.cipher.key_id
        assert world.body() == {"n": 2}

    def test_nothing_is_written_without_the_present_key(self, world: Rotating) -> None:
        world.rotate()
        before = world.records.get(KEY)
        world.trouble = KeyUnavailable("the keyring is locked")
        with pytest.raises(KeyUnavailable):
            world.sealed.put(KEY, {"n": 2}, 2, 1)

        assert world.records.get(KEY) == before

    def test_a_damaged_row_is_kept_byte_for_byte(self, world: Rotating) -> None:
        key = RecordKey("damaged", KEY.name, "login default 1")
        world.rotate()
        world.sealed.keep(Row(key, SealedRecord(b"\x00damaged"), 7, "i", None, 1.5, "whatever"))

        assert world.records.get(key) == Row(
            key, SealedRecord(b"\x00damaged"), 7, "i", None, 1.5, world.cipher.key_id
        )

    def test_one_that_never_rests_is_given_up(self, world: Rotating) -> None:
        world.meanwhile = world.rotate
        world.rotate()
        with pytest.raises(StorageError, match="being changed all the time"):
            world.sealed.put(KEY, {"n": 2}, 2, 1)

        assert world.asked == 10
