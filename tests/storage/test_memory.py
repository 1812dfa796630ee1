from __future__ import annotations

from mcp_vacuum.storage.base import RecordStore
from mcp_vacuum.storage.memory import MemoryRecordStore
from mcp_vacuum.testing.contracts import RecordStoreContract


class TestMemoryRecordStore(RecordStoreContract):
    def make_store(self) -> RecordStore:
        return MemoryRecordStore()
