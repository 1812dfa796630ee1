"""Both stores are RecordStores: mypy holds them to the protocol, the contract tests to its words."""

from __future__ import annotations

from pathlib import Path

from mcp_vacuum.storage.base import RecordKey, RecordStore
from mcp_vacuum.storage.memory import MemoryRecordStore
from mcp_vacuum.storage.vault import Vault


def stores(tmp_path: Path) -> list[RecordStore]:
    return [MemoryRecordStore(), Vault(tmp_path / "vault.db")]


def test_a_location_tells_two_stores_apart_and_stays_the_same(tmp_path: Path) -> None:
    places = [store.location for store in stores(tmp_path)]

    assert len(set(places)) == 2
    assert Vault(tmp_path / "vault.db").location == places[1]
    assert MemoryRecordStore().location != places[0]


def test_a_key_of_a_registration_has_no_account() -> None:
    assert RecordKey("client", "https://as.example") == RecordKey("client", "https://as.example", "")
