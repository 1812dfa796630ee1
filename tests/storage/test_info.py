"""What is said of a vault without its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import UsageError
from mcp_vacuum.storage.info import vault_info
from mcp_vacuum.storage.opening import lock_vault, open_store
from mcp_vacuum.storage.rotation import rotate_key
from tests.storage.conftest import login, registration


def test_counts_and_dates_need_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    store = open_store(home)
    assert store is not None
    store.put(login("https://a.example/mcp"), 0)
    store.put_registration(registration("https://as.example"))
    before = vault_info(home)
    rotate_key(home)
    lock_vault(home)
    (home / "vault.key").unlink()
    after = vault_info(home)

    assert (after.logins, after.registrations, after.set_aside, after.schema) == (1, 1, 0, 2)
    assert (before.locked, after.locked, after.rotation_pending) == (False, True, False)
    assert (after.vault_id, after.key_source) == (before.vault_id, "file")
    assert after.created_at == before.created_at
    assert (after.key_created_at or 0) >= (before.key_created_at or 0) > 0
    assert after.size > 0


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no vault"):
        vault_info(tmp_path)
