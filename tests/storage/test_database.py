from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import KEY, OTHER, row

from .conftest import Script, finished
from .vaults import borrowed, made, names

forking = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


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


def _trouble(vault: Vault, key: RecordKey) -> str | None:
    try:
        return None if vault.get(key) else "absent"
    except StorageError as caught:
        return caught.message
