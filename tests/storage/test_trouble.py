from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage import trouble as under_test
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import KEY, row

from .conftest import Script, finished
from .vaults import borrowed, fill, made, mounted

FILL = """
import pathlib, resource, sys
from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import row
vault = Vault(pathlib.Path(sys.argv[1]) / "vault.db")
vault.header()
if sys.argv[2] != "none":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written = 0
try:
    for number in range(2000):
        vault.put(row(RecordKey("client", str(number)), sealed=b"x" * 3000), expected_generation=0)
        written += 1
except StorageError as caught:
    print(written, "|", caught.message, "|", caught.hint)
assert [len(found.sealed) for found in vault.list("client")] == [3000] * written
if sys.argv[2] != "none":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    vault.put(row(RecordKey("client", "after")), expected_generation=0)
"""


class TestTrouble:
    def test_a_file_that_may_not_grow_loses_nothing(self, home: Path, script: Script) -> None:
        # A size limit fails the write itself, for root too, where a file mode would not bind.
        made(home).close()
        said = finished(script(FILL, 300_000))

        assert "does not take or give data; nothing was lost" in said
        assert int(said.split()[0]) > 10
        assert len(Vault(home / "vault.db").list("client")) == int(said.split()[0]) + 1

    def test_a_full_disk_loses_nothing(self, tmp_path: Path, script: Script) -> None:
        disk = tmp_path / "home"
        disk.mkdir(mode=0o700)
        with mounted(disk, "size=400k,mode=700"):
            made(disk).close()
            said = finished(script(FILL, "none"))
            found = Vault(disk / "vault.db")
            kept = len(found.list("client"))
            found.close()

        assert "the disk is full; nothing was lost | free some space" in said
        assert kept == int(said.split()[0]) > 10

    def test_on_a_disk_thatfills_up_during_a_refresh_the_new_token_is_kept(self, tmp_path: Path) -> None:
        disk = tmp_path / "home"
        disk.mkdir(mode=0o700)
        with mounted(disk, "size=1m,mode=700"):
            vault = made(disk)
            vault.put(row(sealed=b"journal" * 900), expected_generation=1)
            fill(disk / "junk")
            vault.put(row(generation=2, sealed=b"new token" * 900), expected_generation=1)

            assert vault.get(KEY) == row(generation=2, sealed=b"new token" * 900)
            fill(disk / "more junk")
            with pytest.raises(StorageError, match="No space left on device; nothing was lost"):
                vault.put(row(generation=2, sealed=b"journal" * 900), expected_generation=2)
            (disk / "junk").unlink()
            vault.put(row(generation=2, sealed=b"journal" * 900), expected_generation=2)
            vault.close()

    def test_on_a_disk_that_is_full_a_refresh_is_not_begun(self, tmp_path: Path) -> None:
        disk = tmp_path / "home"
        disk.mkdir(mode=0o700)
        with mounted(disk, "size=1m,mode=700"):
            vault = made(disk)
            fill(disk / "junk")
            with pytest.raises(StorageError, match="the disk is full; nothing was lost"):
                for _ in range(100):
                    vault.put(row(sealed=b"journal" * 9000), expected_generation=1)
            assert (disk / "vault.reserve").exists()
            vault.put(row(generation=2), expected_generation=1)
            vault.close()

    def test_a_read_only_disk_is_said(self, tmp_path: Path) -> None:
        disk = tmp_path / "home"
        disk.mkdir(mode=0o700)
        with mounted(disk, "size=1m,mode=700"):
            made(disk).close()
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            vault = Vault(disk / "vault.db")
            with pytest.raises(StorageError, match="nothing was lost") as caught:
                vault.put(row(generation=2), expected_generation=1)
            with pytest.raises(StorageError, match="Read-only file system"), vault.lease(KEY, 0):
                pass
            vault.close()

        assert "writable" in (caught.value.hint or "")

    def test_a_vault_that_takes_no_writes_is_said(self, home: Path) -> None:
        # Asked of SQLite itself: this test may run as root, whom a file mode does not bind.
        vault = made(home)
        with borrowed(vault) as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="it is read-only; nothing was lost"):
            vault.put(row(generation=2), expected_generation=1)

        assert vault.get(KEY) == row(alias="work")

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become a user without rights")
    def test_a_directory_without_write_permission_is_said(self, tmp_path: Path, script: Script) -> None:
        # As a user whom modes do bind: root puts them on and steps down.
        home = tmp_path / "home"
        made(home).close()
        for each in (home, *home.iterdir()):
            os.chown(each, 65534, 65534)
        (home / "vault.db").chmod(0o400)
        home.chmod(0o500)
        for parent in (tmp_path, *tmp_path.parents[:3]):  # one more where tests run in parallel
            parent.chmod(parent.stat().st_mode | 0o011)
        said = finished(
            script(
                "import os, pathlib, sys\n"
                "from mcp_vacuum.storage.vault import Vault\n"
                "from mcp_vacuum.errors import StorageError\n"
                "from mcp_vacuum.testing.contracts import row\n"
                "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                "try: Vault(pathlib.Path(sys.argv[1]) / 'vault.db').put(row(), expected_generation=1)\n"
                "except StorageError as caught: print(caught.exit_status, caught.message)\n"
            )
        )

        assert said.startswith("6 the vault")
        assert "nothing was lost" in said

    def test_a_vault_that_stays_busy_is_said(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(under_test, "BUSY_TIMEOUT", 0.2)
        vault = made(home)
        with closing(sqlite3.connect(vault.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="kept it busy") as caught:
                vault.put(row(generation=2), expected_generation=1)
            assert vault.get(KEY) == row(alias="work")
            other.execute("ROLLBACK")
        vault.put(row(generation=2), expected_generation=1)

        assert caught.value.hint == "try again"

    def test_a_directory_that_others_may_write_is_refused(self, home: Path) -> None:
        made(home).close()
        home.chmod(0o777)
        with pytest.raises(StorageError, match="writable by others"):
            Vault(home / "vault.db").get(KEY)
