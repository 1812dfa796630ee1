"""Where all state lives, and what a directory or file must be like before a secret goes in."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mcp_vacuum.errors import StorageError

HOME_VARIABLE = "MCP_VACUUM_HOME"
RESERVE = 256 * 1024
"""Bytes kept back for the one write that must not fail; a commit takes about a tenth of it."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def state_home() -> Path:
    """Return the directory of all state: `$MCP_VACUUM_HOME`, else the user's data directory.

    The path is absolute; nothing is created or checked.

    Raises:
        StorageError: What the variable says leads nowhere: no such user, or a directory that is gone.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        try:
            return Path(named).expanduser().absolute()
        except (RuntimeError, OSError) as caught:
            why = caught.strerror if isinstance(caught, OSError) else "there is no such user"
            raise StorageError(
                f"{HOME_VARIABLE}={named} leads nowhere: {why}", hint=f"set {HOME_VARIABLE} to a whole path"
            ) from None
    from platformdirs import user_data_dir

    return Path(user_data_dir("mcp-vacuum", appauthor=False))


def private_directory(path: Path) -> Path:
    """Return `path` as a directory that only its owner can change; create it (0700) if it is missing.

    Missing parents are created 0700 too (XDG base directory specification). An existing directory is
    never changed: one of our own that others may read is used as it is, because every file in it is
    0600 and the names that tell something are in directories that we create. A symbolic link is
    followed, and what it leads to is judged.

    Raises:
        StorageError: Not a directory, another user's, or writable by others; or it cannot be created.
    """
    try:
        _make(path)
        found = path.stat()
    except OSError as caught:
        raise StorageError(
            f"the directory {path} cannot be used: {caught.strerror or caught}",
            hint="make it a writable directory of yours, or set MCP_VACUUM_HOME to another one",
        ) from caught
    _judge(path, found)
    return path


def keep_reserve(path: Path) -> None:
    """Have a file that takes `RESERVE` bytes of the disk, to be given up in need.

    Raises:
        OSError: There is no room for it; nothing is left behind.
    """
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{os.urandom(6).hex()}")
    try:
        _write_new(fresh, os.urandom(RESERVE))  # noise: a file system may store zeros as nothing
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def spend_reserve(path: Path) -> bool:
    """Give the reserve back to the disk; False if there is none."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def move_aside(path: Path, why: str, suffixes: tuple[str, ...] = ()) -> Path:
    """Rename `path` to ``<name>.<why>-<UTC time>``, its companions with it, and return the new path.

    Nothing is overwritten. The companions go last: until then they stand beside the place of `path`,
    where they are noticed, and not beside a file that they do not belong to.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{path.name}.{why}-{stamp}{more}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    aside = next(free for name in names if not (free := path.with_name(name)).exists())
    for suffix in ("", *suffixes):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    sync_directory(path.parent)
    return aside


def owned_by_me(found: os.stat_result) -> bool:
    """True if the file belongs to this process's user; always true where users have no numbers."""
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def read_private_file(path: Path, limit: int = 4096) -> bytes:
    """Return the first `limit` bytes of a file that nobody else can read or change.

    Root's own file counts as private when our group may read it: so a container gets its secrets.

    Raises:
        FileNotFoundError: There is no such file.
        StorageError: It is another user's, open to others, no regular file, or unreadable.
    """
    try:
        # O_NONBLOCK: opening a FIFO must not hang.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            _judge_file(path, os.fstat(descriptor))
            return file.read(limit)
    except FileNotFoundError:
        raise
    except OSError as caught:
        raise StorageError(
            f"{path} cannot be read: {caught.strerror or caught}",
            hint=f"make {path} a file of yours, mode 0600",
        ) from caught


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new 0600 file, whole or not at all, and make it survive a power cut.

    An existing file is never replaced: it stays, and the call returns without an error, so that of
    racing processes one wins and all read the same.

    Raises:
        StorageError: It cannot be written.
    """
    _put(path, content, _publish)


def replace_private_file(path: Path, content: bytes) -> None:
    """Write a 0600 file in place of the one that is there: whoever reads it sees the old or the new one.

    Raises:
        StorageError: It cannot be written; the old one is still there.
    """
    _put(path, content, lambda fresh, path, _content: fresh.replace(path))


def _put(path: Path, content: bytes, publish: Callable[[Path, Path, bytes], object]) -> None:
    private_directory(path.parent)
    fresh = path.with_name(f"{path.name}.{os.urandom(6).hex()}")
    try:
        _write_new(fresh, content)
        publish(fresh, path, content)
        sync_directory(path.parent)
    except OSError as caught:
        raise StorageError(
            f"{path} cannot be written: {caught.strerror or caught}",
            hint=f"free space on the disk or make {path.parent} writable; nothing was changed",
        ) from caught
    finally:
        fresh.unlink(missing_ok=True)


def _write_new(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _publish(fresh: Path, path: Path, content: bytes) -> None:
    try:
        os.link(fresh, path, follow_symlinks=False)
    except FileExistsError:
        return
    except (OSError, NotImplementedError):  # a file system without hard links
        with suppress(FileExistsError):
            _write_new(path, content)


def sync_directory(path: Path) -> None:
    """Make the names in `path` survive a power cut; a no-op where directories cannot be opened."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    if path.exists():
        return
    if not path.parent.exists():
        _make(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():  # a dangling link or a file; a racing process is welcome
            raise


def _judge(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise StorageError(f"{path} is not a directory", hint="move it away, or set MCP_VACUUM_HOME")
    if not owned_by_me(found):
        raise StorageError(
            f"the directory {path} belongs to another user (uid {found.st_uid})",
            hint="run the command as that user, or set MCP_VACUUM_HOME to a directory of yours",
        )
    if sys.platform != "win32" and found.st_mode & WRITABLE_BY_OTHERS:
        raise StorageError(
            f"the directory {path} is writable by others (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"chmod 700 {path}",
        )


def _judge_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f"{path} is not a regular file", hint="move it away")
    if sys.platform == "win32":
        return
    mine = owned_by_me(found)
    if not mine and found.st_uid != 0:
        raise StorageError(
            f"{path} belongs to another user (uid {found.st_uid})", hint=f"chown {os.geteuid()} {path}"
        )
    if found.st_mode & (0o077 if mine else 0o037):
        raise StorageError(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})", hint=f"chmod 600 {path}"
        )
