"""The disk under the state directory: its room, and whether files on it can be made and locked."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_vacuum.doctor.finding import Finding, fail, ok, skipped, warn
from mcp_vacuum.storage.home import HOME_VARIABLE

LITTLE_SPACE = 16 * 1024 * 1024
NO_SPACE = 512 * 1024
"""Bytes: below the first somebody should look, below the second a commit may not fit."""
NETWORKED = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gluster", "beegfs", "fuse.sshfs")
"""Beginnings of the names of file systems on which another machine may hold the locks."""
_ELSEWHERE = f"set {HOME_VARIABLE} to a directory on a local disk"


@dataclass(frozen=True, slots=True)
class Disk:
    """The facts.

    Attributes:
        home: The state directory.
        exists: It is there, and a file was tried in it.
        unwritable: Why no file can be made in it; None if one can.
        unlockable: Why a file in it cannot be locked; None if it can.
        kind: The type of the file system; None where that is not known.
        free: Bytes; None where that is not known.
    """

    home: Path
    exists: bool = False
    unwritable: str | None = None
    unlockable: str | None = None
    kind: str | None = None
    free: int | None = None


def look_at_disk(home: Path) -> Disk:
    """Gather the facts. One file without a name is made and locked in the directory, if there is one."""
    # isdir() is False where even looking is forbidden; Path.is_dir() would raise.
    nearest = next((path for path in (home, *home.parents) if os.path.isdir(path)), Path("/"))  # noqa: PTH112
    if nearest != home:
        return Disk(home, kind=_file_system(nearest), free=_free(nearest))
    unwritable, unlockable = _try_a_file(home)
    return Disk(home, True, unwritable, unlockable, _file_system(home), _free(home))


def check_disk(facts: Disk) -> Iterator[Finding]:
    """Judge the facts."""
    yield check_writable(facts)
    yield check_file_system(facts)
    yield check_space(facts)


def check_writable(facts: Disk) -> Finding:
    """See that what a server answers can be kept."""
    if not facts.exists:
        return skipped("writable", "there is no directory yet")
    if facts.unwritable is None:
        return ok("writable", "files can be made")
    return fail(
        "writable",
        f"no file can be made in {facts.home}: {facts.unwritable}",
        "a refresh is not begun where its outcome cannot be kept",
        f"free space, make it writable, or set {HOME_VARIABLE} to another directory",
    )


def check_file_system(facts: Disk) -> Finding:
    """See that locks work: they keep two processes from using one refresh token."""
    if facts.unlockable:
        what = f"files in {facts.home} cannot be locked: {facts.unlockable}"
        return fail("file-system", what, fix=_ELSEWHERE)
    if facts.kind is not None and facts.kind.startswith(NETWORKED):
        return warn(
            "file-system",
            f"{facts.home} is on a network file system ({facts.kind})",
            "SQLite's log needs memory that all its users share, and other machines do not",
            _ELSEWHERE,
        )
    if not facts.exists or facts.unwritable:
        return skipped("file-system", "no file could be tried")
    return ok("file-system", f"{facts.kind}, locks work" if facts.kind else "locks work")


def check_space(facts: Disk) -> Finding:
    """See that a new refresh token will find room."""
    if facts.free is None:
        return skipped("disk", "the free space is not known here")
    free = f"{_size(facts.free)} free"
    if facts.free < NO_SPACE:
        return fail("disk", f"the disk is full: {free}", fix="free some space")
    if facts.free < LITTLE_SPACE:
        return warn("disk", f"the disk is almost full: {free}", fix="free some space")
    return ok("disk", free)


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= size:
            return f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def _why(caught: OSError) -> str:
    return (caught.strerror or str(caught)).lower()


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _try_a_file(home: Path) -> tuple[str | None, str | None]:
    """Return why no file can be made here, and why it cannot be locked."""
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"\0")
            file.flush()
            return None, _try_to_lock(file.fileno())
    except OSError as caught:
        return ("the disk is full" if caught.errno == errno.ENOSPC else _why(caught)), None


def _try_to_lock(descriptor: int) -> str | None:
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as caught:
        return _why(caught)
    return None


def _file_system(path: Path) -> str | None:
    """Return the type of the file system, where the kernel lists mounts."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    mounts = [(fields[4].replace("\\040", " "), line) for line in lines if len(fields := line.split()) > 6]
    holding = [each for each in mounts if _is_under(real, each[0])]
    if not holding:
        return None
    nearest = max(reversed(holding), key=lambda each: len(each[0]))[1]
    return nearest.partition(" - ")[2].split()[0]


def _is_under(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
