from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mcp_vacuum.storage.base import RecordStore
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import RecordStoreContract


class TestVaultContract(RecordStoreContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        self.numbers = itertools.count()

    def make_store(self) -> RecordStore:
        vault = Vault(self.directory / f"home-{next(self.numbers)}" / "vault.db")
        with vault.creation():
            vault.create({"vault_id": "test"})
        return vault
