"""The disk under the state directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcp_vacuum.doctor.disk import (
    Disk,
    check_file_system,
    check_space,
    check_writable,
    look_at_disk,
)
from mcp_vacuum.storage.credentials import CredentialStore


class TestThisMachine:
    def test_nothing_is_left_behind(self, store: CredentialStore, home: Path) -> None:
        before = sorted(home.iterdir())
        facts = look_at_disk(home)

        assert check_writable(facts).verdict == "ok"
        assert facts.unlockable is None
        assert facts.free is not None
        assert sorted(home.iterdir()) == before

    def test_without_a_directory_none_is_made(self, home: Path) -> None:
        facts = look_at_disk(home)

        assert (facts.exists, home.exists()) == (False, False)
        assert facts.free is not None
        assert check_writable(facts).verdict == check_file_system(facts).verdict == "skipped"

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its mounts in /proc")
    def test_the_kernel_tells_the_file_system(self) -> None:
        assert look_at_disk(Path("/proc")).kind == "proc"

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc is where not even root can make a file")
    def test_where_no_file_can_be_made(self) -> None:
        found = check_writable(look_at_disk(Path("/proc")))

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert os.sep in found.what


HOME = Path("/h")


class TestVerdicts:
    @pytest.mark.parametrize(
        ("free", "verdict", "words"),
        [
            (0, "fail", "full: 0 bytes"),
            (100_000, "fail", "full: 100 KB"),
            (5_000_000, "warn", "almost full: 5 MB"),
            (90_000_000_000, "ok", "90 GB free"),
            (None, "skipped", "not known"),
        ],
    )
    def test_space(self, free: int | None, verdict: str, words: str) -> None:
        found = check_space(Disk(HOME, True, free=free))

        assert found.verdict == verdict
        assert words in found.what

    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
    def test_a_network_file_system(self, kind: str) -> None:
        found = check_file_system(Disk(HOME, True, kind=kind))

        assert (found.verdict, kind in found.what) == ("warn", True)

    def test_no_locks(self) -> None:
        found = check_file_system(Disk(HOME, True, unlockable="function not implemented"))

        assert (found.verdict, found.exit_status) == ("fail", 6)
