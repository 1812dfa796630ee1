"""A disk that goes bad at each write of a command: full, over quota, read-only, busy."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.safety.secret import shown
from tests.scripts.conftest import Done
from tests.scripts.test_bad_input import UNPRIVILEGED

from .machine import Machine, sent
from .report import fault

DISK = "The disk"
LONG = pytest.mark.long
MOST_WRITES = 12
"""More than any command makes."""
Property = Callable[[str, object], None]

MADE = {
    "full": "the home is a small tmpfs, which is filled at",
    "quota": "RLIMIT_FSIZE is set to 0 at",
    "read-only": "the home and its files lose their write permission, for a process without privileges, at",
    "busy": "another process holds a write transaction from",
}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="makes trouble in Linux's own ways")


@dataclass
class Disk:
    """A machine whose disk can go bad, and be mended."""

    machine: Machine
    kind: str
    mounted: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        home = self.machine.home
        home.mkdir(mode=0o700)
        if self.kind == "full":
            command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(home)]
            if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
                pytest.skip("no tmpfs can be mounted here (needs root)")
            self.mounted.append(home)

    def goes_bad(self, number: int, *arguments: str) -> Done | None:
        """Run a command whose write `number` is the first that fails; None if it writes less than that."""
        program = self.machine.program(
            "trouble",
            self.kind,
            str(number),
            "--",
            *arguments,
            before=UNPRIVILEGED if self.kind == "read-only" else (),
        )
        done = self.machine.finish(program, prints_a_token="token" in arguments)
        mark = self.machine.root / "trouble"
        came = mark.exists()
        mark.unlink(missing_ok=True)
        self.mend()
        assert "Traceback" not in done.err, done
        return done if came else None

    def mend(self) -> None:
        """Take the trouble away."""
        home = self.machine.home
        (home / "junk").unlink(missing_ok=True)
        if self.kind == "read-only":
            for path in (home, *home.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)

    def unmount(self) -> None:
        for place in self.mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def disk_of(machine: Machine, kind: str) -> Iterator[Disk]:
    disk = Disk(machine, kind)
    try:
        yield disk
        machine.search()  # once more, before the files are gone
    finally:
        disk.mend()
        disk.unmount()


def kinds(what: str, *, lost: str = "nothing", without: tuple[str, ...] = ()) -> list[object]:
    """One parameter, and one row of the page, for each kind of trouble."""
    return [
        pytest.param(
            kind,
            marks=[
                fault(f"{what}: {kind}", chapter=DISK, made=f"{made} each of its writes in turn", lost=lost),
                *([] if kind == "quota" else [LONG]),
            ],
        )
        for kind, made in MADE.items()
        if kind not in without
    ]


def exits(done: Done) -> Done:
    """A command on a bad disk ends well, or with one storage error."""
    if done.code != 0:
        done.one_error(6)
    return done


def each_write(disk: Disk, *arguments: str) -> Iterator[Done]:
    """Run a command again and again, with the trouble at each of its writes in turn."""
    for number in range(1, MOST_WRITES):
        done = disk.goes_bad(number, *arguments)
        if done is None:
            return
        yield exits(done)
    raise AssertionError(f"{arguments} makes too many writes")


@LONG
@pytest.mark.parametrize(
    "kind",
    kinds(
        "The first login of a machine",
        lost="that login, where its last write failed: it has to be begun anew. Nothing that was stored",
        without=("busy",),
    ),
)
def test_a_first_login(machine: Machine, record_property: Property, kind: str) -> None:
    with Lab() as lab, disk_of(machine, kind) as disk:
        machine.labs.append(lab)
        failed = []
        for number in itertools.count(1):
            done = disk.goes_bad(number, "login", lab.mcp_url)
            machine.ok("login", lab.mcp_url)
            machine.gets_the_newest(lab)
            if done is None:
                break
            failed.append(exits(done).code)
            for path in machine.home.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

        assert 6 in failed
        assert lab.reuse_detected == 0
        record_property("writes", len(failed))


@pytest.mark.parametrize("kind", kinds("A login in place of an older one", lost="nothing of the older one"))
def test_another_login(machine: Machine, record_property: Property, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab() as lab:
        failed = 0
        for done in each_write(disk, "login", lab.mcp_url, "--force"):
            failed += done.code != 0
            machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0
        record_property("failed and left the old login in place", failed)


@pytest.mark.parametrize("kind", kinds("An alias"))
def test_an_alias(machine: Machine, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab() as lab:
        machine.ok("alias", lab.mcp_url, "old")
        for done in each_write(disk, "alias", lab.mcp_url, "new"):
            (login,) = machine.ok("list", "--json").json["logins"]
            assert login["alias"] == ("new" if done.code == 0 else "old")
        machine.gets_the_newest(lab)


@pytest.mark.parametrize(
    "kind",
    kinds(
        "A logout",
        lost="nothing; a login that was revoked and not yet forgotten says so, and goes the next time",
    ),
)
def test_a_logout(machine: Machine, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab() as lab, machine.lab() as other:
        for done in each_write(disk, "logout", lab.mcp_url):
            if done.code != 0:
                assert machine.get(lab).code == 3
                if len(machine.ok("list", "--json").json["logins"]) == 2:
                    machine.ok("logout", lab.mcp_url)
            assert len(machine.ok("list", "--json").json["logins"]) == 1
            machine.gets_the_newest(other)
            machine.log_in(lab)


@pytest.mark.parametrize("kind", kinds("A refresh that cannot be written down beforehand"))
def test_a_refresh_is_not_begun(machine: Machine, record_property: Property, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab() as lab:
        done = disk.goes_bad(1, "token", lab.mcp_url)
        assert done is not None
        if kind == "read-only" and done.code == 0:  # files that are open stay writable
            machine.gets_the_newest(lab)
            return
        done.one_error(6)
        assert sent(lab) == 0
        machine.gets_the_newest(lab)
        record_property("sent", 0)


def without_room(disk: Disk, lab: Lab) -> Done:
    """Refresh, with the trouble between the server's answer and the commit."""
    done = disk.goes_bad(2, "token", lab.mcp_url)
    assert done is not None
    assert done.code == 0, done
    return done


@fault(
    "A refresh whose answer comes when the disk is full (strict)",
    chapter=DISK,
    made="the home is a small tmpfs, which is filled between the answer and the commit",
)
def test_the_reserve_is_there_for_the_commit(machine: Machine) -> None:
    with disk_of(machine, "full") as disk, machine.lab() as lab:
        assert "in memory only" not in without_room(disk, lab).err
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0


@fault(
    "A refresh whose answer comes when the quota is used up, in a process that lives on (strict)",
    chapter=DISK,
    made="RLIMIT_FSIZE is set to 0 between the answer and the commit, and lifted before the next refresh",
)
def test_a_process_that_lives_on_stores_it_later(machine: Machine, record_property: Property) -> None:
    with machine.lab() as lab:
        done = machine.finish(machine.program("patient", lab.mcp_url))
        assert done.code == 0, done
        assert "in memory only" in done.err
        assert done.out.split() == [shown(token) for token in lab.issued_access_tokens[1:]]
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0
        record_property("refreshes", sent(lab))


CANNOT_BE_STORED = [
    pytest.param("quota", id="quota"),
    pytest.param("busy", id="busy", marks=LONG),
]


@fault(
    "A refresh whose answer cannot be stored, in a process that then ends (grace)",
    chapter=DISK,
    made="RLIMIT_FSIZE, or a write transaction of another process, between the answer and the commit",
)
@pytest.mark.parametrize("kind", CANNOT_BE_STORED)
def test_with_a_grace_period_the_next_one_gets_it_again(machine: Machine, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab(refresh_token_grace=60) as lab:
        assert "in memory only" in without_room(disk, lab).err
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0


@fault(
    "A refresh whose answer cannot be stored, in a process that then ends (strict)",
    chapter=DISK,
    made="RLIMIT_FSIZE, or a write transaction of another process, between the answer and the commit",
    lost="the login, after one more access token: a warning says that its refresh token is in memory only,"
    " and that memory ends with the process. Nobody can prevent it: no place took the bytes. It is said to be"
    " *reply lost*, with the command to type",
)
@pytest.mark.parametrize("kind", CANNOT_BE_STORED)
def test_without_one_the_loss_is_said(machine: Machine, kind: str) -> None:
    with disk_of(machine, kind) as disk, machine.lab() as lab:
        assert "in memory only" in without_room(disk, lab).err
        done = machine.get(lab)

        assert done.code == 3
        assert "the answer to an earlier refresh was lost" in done.out
        assert f"mcp-vacuum login {lab.mcp_url}" in done.out
