"""Sealing all records anew, some at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage import resealing
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.resealing import refuse_newer_records
from mcp_vacuum.storage.rotation import rotate_key
from mcp_vacuum.storage.vault import Vault
from tests.storage.conftest import login


def filled(home: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> Vault:
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    store = open_store(home)
    assert store is not None
    for n in range(size):
        store.put(login(f"https://s{n}.example/mcp"), 0)
    store.close()
    return Vault(home / "vault.db")


def test_progress_is_told_after_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "home", monkeypatch, 5)
    monkeypatch.setattr(resealing, "BATCH", 2)
    told: list[tuple[int, int]] = []
    rotate_key(tmp_path / "home", progress=lambda done, total: told.append((done, total)))

    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_record_of_a_newer_version_stops_it_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = filled(tmp_path / "home", monkeypatch, 1)
    refuse_newer_records(vault.database)
    vault.database.execute("UPDATE records SET sealed = CAST('mcpv2:abc' AS BLOB)")

    with pytest.raises(StorageError, match="newer"):
        refuse_newer_records(vault.database)
