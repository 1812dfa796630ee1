from __future__ import annotations

import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.lease import lease_path, locked

from .conftest import Script, finished

HOLD = """
import sys, pathlib
from mcp_vacuum.storage.lease import locked
with locked(pathlib.Path(sys.argv[1]) / "x.lock", 5, "testing"):
    print("held", flush=True)
    sys.stdin.read()
"""


class TestLocked:
    def test_the_file_is_private_and_stays(self, home: Path) -> None:
        with locked(home / "x.lock", 1, "testing"):
            pass

        assert stat.S_IMODE((home / "x.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700

    def test_the_deadline_is_kept_and_said(self, home: Path) -> None:
        with locked(home / "x.lock", 1, "testing"):
            began = time.monotonic()
            with pytest.raises(StorageError, match=r"has been testing for more than 0\.2 s"):
                _take(home, 0.2)
            assert 0.2 <= time.monotonic() - began < 0.4

    def test_no_time_at_all_is_one_try(self, home: Path) -> None:
        _take(home, 0)
        with locked(home / "x.lock", 0, "testing"), pytest.raises(StorageError):
            _take(home, 0)
        _take(home, -1)

    def test_another_process_is_excluded(self, home: Path, script: Script) -> None:
        holder = script(HOLD)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StorageError):
            _take(home, 0.1)
        finished(holder)
        _take(home, 0)

    @pytest.mark.parametrize("attempt", range(5))
    def test_the_death_of_the_holder_frees_it_within_100_ms(
        self, home: Path, script: Script, attempt: int
    ) -> None:
        holder = script(HOLD)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        freed: list[float] = []

        def wait() -> None:
            _take(home, 5)
            freed.append(time.monotonic())

        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.3)  # the waiter's pauses have grown to their longest
        killed = time.monotonic()
        holder.send_signal(signal.SIGKILL)
        waiter.join()

        assert freed[0] - killed < 0.1

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_does_not_keep_the_lock_alive(self, home: Path) -> None:
        with locked(home / "x.lock", 1, "testing"):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
        try:
            _take(home, 0.1)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_neither_has_the_lock_nor_frees_it(self, home: Path) -> None:
        with locked(home / "x.lock", 1, "testing"):
            if (child := os.fork()) == 0:
                code = 1
                try:
                    _take(home, 0)
                except StorageError:
                    code = 42
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
            with pytest.raises(StorageError):
                _take(home, 0)

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_holder_that_dies_beside_its_forked_child_frees_it(self, home: Path, script: Script) -> None:
        holder = script(
            "import os, sys, pathlib, time\n"
            "from mcp_vacuum.storage.lease import locked\n"
            "with locked(pathlib.Path(sys.argv[1]) / 'x.lock', 5, 'testing'):\n"
            "    child = os.fork()\n"
            "    if not child:\n"
            "        time.sleep(30); os._exit(0)\n"
            "    print(child, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        holder.kill()
        try:
            _take(home, 0.2)
        finally:
            os.kill(child, signal.SIGKILL)

    def test_a_program_that_is_started_does_not_inherit_it(self, home: Path, script: Script) -> None:
        with locked(home / "x.lock", 1, "testing"):
            sleeper = script("input()")
        _take(home, 0.1)
        sleeper.kill()

    def test_a_link_in_its_place_is_refused(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        (home / "x.lock").symlink_to(home / "victim")
        with pytest.raises(StorageError, match="cannot be opened"):
            _take(home, 0)

        assert not (home / "victim").exists()


class TestLeasePath:
    def test_names_tell_nothing_and_differ(self) -> None:
        keys = [
            RecordKey("login", "https://a", "b"),
            RecordKey("login", "https://a", "c"),
            RecordKey("client", "https://a", "b"),
        ]
        names = {lease_path(Path(), key).name for key in keys}

        assert len(names) == 3
        assert all(len(name) == 64 + len(".lock") for name in names)


def _take(home: Path, timeout: float) -> None:
    with locked(home / "x.lock", timeout, "testing"):
        pass
