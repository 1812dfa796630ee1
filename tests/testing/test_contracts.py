"""The contract can fail: a store that loses writes does not pass it."""

from __future__ import annotations

import pytest

from mcp_vacuum.storage.base import Row
from mcp_vacuum.storage.memory import MemoryRecordStore
from mcp_vacuum.testing.contracts import RecordStoreContract


class Forgetful(MemoryRecordStore):
    def put(self, row: Row, *, expected_generation: int) -> None:
        """Say nothing and do nothing."""


class Promise(RecordStoreContract):
    __test__ = False

    def make_store(self) -> Forgetful:
        return Forgetful()


def test_a_store_that_forgets_does_not_pass() -> None:
    facts = [name for name in dir(RecordStoreContract) if name.startswith("test_")]
    failed = 0
    for name in facts:
        try:
            getattr(Promise(), name)()
        except (AssertionError, pytest.fail.Exception):
            failed += 1
        except TypeError:
            continue  # a fact that takes fixtures is not tried here

    assert failed >= 3
