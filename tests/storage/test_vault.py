from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from mcp_vacuum.errors import GenerationConflict
from mcp_vacuum.storage.base import RecordStore
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import CLIENT, KEY, RecordStoreContract, row

from .conftest import Script, finished, start_together
from .vaults import made


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

    def another(self, store: RecordStore) -> RecordStore:
        assert isinstance(store, Vault)
        return Vault(store.path)


COUNT = """
import pathlib, sys
from mcp_vacuum.errors import GenerationConflict
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import KEY, row
vault, done, conflicts = Vault(pathlib.Path(sys.argv[1]) / "vault.db"), 0, 0
print("ready", flush=True)
sys.stdin.readline()
while done < 25:
    found = vault.get(KEY)
    try:
        vault.put(row(generation=found.generation + 1), expected_generation=found.generation)
        done += 1
    except GenerationConflict:
        conflicts += 1
print(conflicts)
"""


class TestManyProcesses:
    def test_eight_that_count_lose_no_step(self, home: Path, script: Script) -> None:
        vault = made(home)
        processes = [script(COUNT) for _ in range(8)]
        start_together(processes)
        for process in processes:
            finished(process)
        found = vault.get(KEY)

        assert found is not None
        assert found.generation == 1 + 8 * 25

    @pytest.mark.parametrize("attempt", range(4))
    def test_a_writer_that_is_killed_leaves_the_old_record_or_the_new_one(
        self, home: Path, script: Script, attempt: int
    ) -> None:
        vault = made(home)
        writer = script(COUNT.replace("done < 25", "True").replace("done += 1", "print(flush=True)"))
        start_together([writer])
        assert writer.stdout is not None
        for _ in range(20 + attempt):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0]
        found = vault.get(KEY)

        assert found is not None
        assert found.generation >= 1 + 20 + attempt + rest.count("\n")
        vault.put(row(generation=found.generation + 1), expected_generation=found.generation)
        with pytest.raises(GenerationConflict):
            vault.put(row(generation=found.generation + 1), expected_generation=found.generation)
        assert vault.get(CLIENT) is None
