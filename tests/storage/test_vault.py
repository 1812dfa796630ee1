from __future__ import annotations

import itertools
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from mcp_vacuum.errors import GenerationConflict, StorageError
from mcp_vacuum.storage import vault as under_test
from mcp_vacuum.storage.base import RecordKey, RecordStore
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import CLIENT, KEY, OTHER, RecordStoreContract, row

from .conftest import Script, finished, start_together

forking = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def made(home: Path, vault_id: str = "test") -> Vault:
    """Return a new vault with one record."""
    vault = Vault(home / "vault.db")
    with vault.creation():
        vault.create({"vault_id": vault_id})
    vault.put(row(alias="work"), expected_generation=0)
    return vault


@contextmanager
def borrowed(vault: Vault) -> Iterator[sqlite3.Connection]:
    """Hold the vault's own connection, as a thread does that is in the middle of a call."""
    handle = vault._handle()
    with handle.lock:
        yield vault._connection(handle)


def names(home: Path) -> list[str]:
    return sorted(each.name for each in home.iterdir())


def sql(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


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


class TestFiles:
    def test_nothing_is_opened_by_constructing(self, home: Path) -> None:
        assert not Vault(home / "vault.db").exists()
        assert not home.exists()

    def test_all_files_are_private_whatever_the_umask(self, home: Path) -> None:
        old = os.umask(0)
        try:
            vault = made(home)
            with vault.lease(KEY, 1):
                pass
        finally:
            os.umask(old)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in home.rglob("*")}

        assert {"vault.db", "vault.db-wal", "vault.db-shm", "vault.lock", "leases"} <= modes.keys()
        assert modes.pop("leases") == 0o700
        assert set(modes.values()) == {0o600}

    def test_a_vault_that_a_copy_opened_to_others_is_closed_again(self, home: Path) -> None:
        made(home).close()
        (home / "vault.db").chmod(0o644)
        Vault(home / "vault.db").list("login")

        assert stat.S_IMODE((home / "vault.db").stat().st_mode) == 0o600

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
    def test_another_users_vault_is_refused(self, home: Path) -> None:
        made(home).close()
        os.chown(home / "vault.db", 65534, 65534)
        with pytest.raises(StorageError, match="belongs to another user"):
            Vault(home / "vault.db").list("login")

    def test_commits_are_synchronous_and_logged_ahead(self, home: Path) -> None:
        vault = made(home)
        with borrowed(vault) as connection:
            settings = [
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
            ]

        assert settings == [2, "wal"]

    def test_the_location_is_the_real_path(self, home: Path, tmp_path: Path) -> None:
        made(home)
        (tmp_path / "link").symlink_to(home)

        assert Vault(tmp_path / "link" / "vault.db").location == Vault(home / "vault.db").location

    @pytest.mark.parametrize("name", ["with space", "per%20cent", "quest?ion", "ha#sh", "ümläut"])
    def test_any_path_will_do(self, tmp_path: Path, name: str) -> None:
        made(tmp_path / name).close()

        assert Vault(tmp_path / name / "vault.db").get(KEY) == row(alias="work")

    def test_the_remains_of_an_unfinished_vault_are_no_obstacle(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        (home / "vault.db.new").write_bytes(b"half a")
        (home / "vault.db").write_bytes(b"")

        assert not Vault(home / "vault.db").exists()
        assert made(home).get(KEY)
        assert "vault.db.new" not in names(home)

    def test_a_log_without_its_vault_is_kept(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        (home / "vault.db-wal").write_bytes(b"commits")
        made(home)
        kept = [each for each in home.iterdir() if each.name.startswith("vault.db-wal.orphan-")]

        assert [each.read_bytes() for each in kept] == [b"commits"]


class TestHeader:
    def test_it_is_written_and_read(self, home: Path) -> None:
        vault = made(home)
        vault.set_header("locked", "yes")
        vault.set_header("locked", "no")

        assert Vault(vault.path).header() == {"schema": "1", "vault_id": "test", "locked": "no"}

    def test_a_newer_vault_is_not_touched(self, home: Path) -> None:
        made(home).close()
        sql(home, "UPDATE header SET value = '99' WHERE name = 'schema'")
        before = (home / "vault.db").read_bytes()
        vault = Vault(home / "vault.db")
        for ask in (vault.header, lambda: vault.get(KEY), lambda: vault.put(row(), expected_generation=1)):
            with pytest.raises(StorageError, match="newer mcp-vacuum") as caught:
                ask()
            assert caught.value.hint == "pip install -U mcp-vacuum"
        vault.close()

        assert (home / "vault.db").read_bytes() == before

    def test_an_older_vault_is_brought_forward(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made(home).close()
        monkeypatch.setattr(
            under_test, "MIGRATIONS", (("ALTER TABLE records ADD COLUMN x",), ("CREATE TABLE y (z)",))
        )
        monkeypatch.setattr(under_test, "SCHEMA_VERSION", 3)
        vault = Vault(home / "vault.db")

        assert vault.get(KEY) == row(alias="work")
        assert vault.header()["schema"] == "3"

    def test_a_migration_that_fails_leaves_the_old_vault(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(home).close()
        with monkeypatch.context() as patch:
            patch.setattr(under_test, "MIGRATIONS", (("CREATE TABLE y (z)", "nonsense"),))
            patch.setattr(under_test, "SCHEMA_VERSION", 2)
            with pytest.raises(StorageError):
                Vault(home / "vault.db").get(KEY)
        vault = Vault(home / "vault.db")

        assert vault.get(KEY) == row(alias="work")
        assert vault.header()["schema"] == "1"

    def test_another_programs_database_is_refused_and_kept(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        sql(home, "CREATE TABLE theirs (x)")
        before = (home / "vault.db").read_bytes()
        with pytest.raises(StorageError, match="is a database, but no vault"):
            Vault(home / "vault.db").header()

        assert (home / "vault.db").read_bytes() == before


class TestCorruption:
    @pytest.mark.parametrize("what", ["noise", "text", "truncated", "head"])
    def test_what_sqlite_cannot_read_is_moved_aside_whole(self, home: Path, what: str) -> None:
        made(home).close()
        path = home / "vault.db"
        good = path.read_bytes()
        bad = {
            "noise": os.urandom(20_000),
            "text": b"this is not a vault\n",
            "truncated": good[:5000],
            "head": b"\x00" * 200 + good[200:],
        }[what]
        path.write_bytes(bad)
        with pytest.raises(
            StorageError, match=r"is damaged; it was moved to .*vault\.db\.corrupt-"
        ) as caught:
            Vault(path).header()
        companions = ("-wal", "-shm")
        aside = [
            each for each in home.iterdir() if ".corrupt-" in each.name and not each.name.endswith(companions)
        ]

        assert [each.read_bytes() for each in aside] == [bad]
        assert str(aside[0]) in caught.value.message
        assert not Vault(path).exists()
        path.write_bytes(good)
        assert Vault(path).get(KEY) == row(alias="work")

    def test_commits_that_are_only_in_the_log_go_along(self, home: Path, script: Script) -> None:
        made(home).close()
        finished(
            script(
                "import os, pathlib, sys\n"
                "from mcp_vacuum.storage.vault import Vault\n"
                "from mcp_vacuum.testing.contracts import OTHER, row\n"
                "Vault(pathlib.Path(sys.argv[1]) / 'vault.db').put(row(OTHER), expected_generation=0)\n"
                "os._exit(0)\n"
            )
        )
        good, log = (home / "vault.db").read_bytes(), (home / "vault.db-wal").read_bytes()
        (home / "vault.db").write_bytes(b"x" * len(good))
        with pytest.raises(StorageError, match="moved to"):
            Vault(home / "vault.db").header()
        aside = next(each for each in home.iterdir() if each.name.endswith("-wal"))
        assert aside.read_bytes() == log

        (home / "vault.db").write_bytes(good)
        aside.rename(home / "vault.db-wal")
        assert Vault(home / "vault.db").get(OTHER) == row(OTHER)

    def test_damage_in_one_page_does_not_cost_the_other_records(self, home: Path) -> None:
        vault = made(home)
        for number in range(200):
            vault.put(row(OTHER, number + 1, sealed=os.urandom(3000)), expected_generation=number)
        keys = [KEY]
        for number in range(100):
            key = RecordKey("login", f"https://{number}.example", "default")
            vault.put(row(key, sealed=os.urandom(3000)), expected_generation=0)
            keys.append(key)
        vault.close()
        path = home / "vault.db"
        content = bytearray(path.read_bytes())
        page = len(content) // 4096 // 2 * 4096
        content[page : page + 4096] = b"\xa5" * 4096
        path.write_bytes(content)
        again = Vault(path)
        lost = [trouble for key in keys if (trouble := _trouble(again, key))]

        assert len(lost) < 20
        assert all("a part of it is damaged; nothing was lost" in each for each in lost)
        assert path.exists()
        assert not [each for each in home.iterdir() if "corrupt" in each.name]

    def test_of_many_that_see_the_damage_one_moves_it(self, home: Path) -> None:
        made(home).close()
        (home / "vault.db").write_bytes(b"x" * 9000)
        messages: list[str] = []

        def look() -> None:
            try:
                Vault(home / "vault.db").header()
            except StorageError as caught:
                messages.append(caught.message)

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(messages) == 8
        assert sum("it was moved to" in message for message in messages) == 1
        assert len([each for each in home.iterdir() if "corrupt" in each.name]) == 1


class TestUnderOurFeet:
    def test_a_vault_that_was_replaced_is_not_written_to(self, home: Path) -> None:
        vault = made(home)
        (home / "vault.db").rename(home / "away.db")
        made(home, vault_id="another")
        for _ in range(2):
            with pytest.raises(StorageError, match="replaced by another one"):
                vault.put(row(generation=2), expected_generation=1)

        assert Vault(home / "vault.db").get(KEY) == row(alias="work")

    def test_a_vault_that_vanished_does_not_come_back_empty(self, home: Path) -> None:
        vault = made(home)
        for each in home.glob("vault.db*"):
            each.unlink()
        with pytest.raises(StorageError, match="is not there"):
            vault.put(row(generation=2), expected_generation=1)

        assert not (home / "vault.db").exists()

    def test_a_restored_backup_of_the_same_vault_is_opened_anew(self, home: Path) -> None:
        vault = made(home)
        vault.close()
        shutil.copy(home / "vault.db", home / "backup.db")
        vault.put(row(generation=2), expected_generation=1)
        vault.close()
        other = Vault(vault.path)
        assert other.get(KEY) == row(generation=2)
        other.close()
        (home / "backup.db").replace(home / "vault.db")

        assert other.get(KEY) == vault.get(KEY) == row(alias="work")

    @forking
    def test_a_forked_child_has_a_connection_of_its_own(self, home: Path) -> None:
        vault = made(home)
        vault.put(row(OTHER), expected_generation=0)
        children = []
        for number in range(4):
            if (child := os.fork()) == 0:
                code = 1
                try:
                    key = RecordKey("client", f"https://{number}.example")
                    for generation in range(20):
                        vault.put(row(key, generation + 1), expected_generation=generation)
                    vault.close()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        for generation in range(1, 20):
            vault.put(row(generation=generation + 1), expected_generation=generation)

        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        assert [found.generation for found in vault.list("client")] == [20] * 4
        with borrowed(vault) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    @forking
    def test_a_fork_while_another_thread_works_does_not_hang_the_child(self, home: Path) -> None:
        vault = made(home)
        with borrowed(vault):
            results: list[int] = []

            def fork() -> None:
                if (child := os.fork()) == 0:
                    os._exit(0 if vault.get(KEY) else 1)
                results.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

            thread = threading.Thread(target=fork)
            thread.start()
            thread.join(20)

        assert results == [0]


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

    def test_on_a_disk_that_fills_up_during_a_refresh_the_new_token_is_kept(self, tmp_path: Path) -> None:
        disk = tmp_path / "home"
        disk.mkdir(mode=0o700)
        with mounted(disk, "size=1m,mode=700"):
            vault = made(disk)
            vault.put(row(sealed=b"journal" * 900), expected_generation=1)
            _fill(disk / "junk")
            vault.put(row(generation=2, sealed=b"new token" * 900), expected_generation=1)

            assert vault.get(KEY) == row(generation=2, sealed=b"new token" * 900)
            _fill(disk / "more junk")
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
            _fill(disk / "junk")
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
        for parent in (tmp_path, *tmp_path.parents[:2]):
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


def _fill(junk: Path) -> None:
    with junk.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


def _trouble(vault: Vault, key: RecordKey) -> str | None:
    try:
        return None if vault.get(key) else "absent"
    except StorageError as caught:
        return caught.message


class mounted:  # noqa: N801  (reads as a word)
    """A small file system of its own in memory; skips the test where none can be mounted."""

    def __init__(self, place: Path, options: str) -> None:
        self.place, self.options = place, options

    def __enter__(self) -> None:
        command = ["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", str(self.place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no tmpfs can be mounted here (needs root)")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
