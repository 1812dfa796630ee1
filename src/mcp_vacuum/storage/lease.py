"""One holder at a time, across threads and processes: an OS lock on a file.

The kernel frees the lock when its holder dies, however it dies. Lock files stay: deleting one while
somebody waits on it would give two holders.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.home import private_directory

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05
"""Seconds between two tries; the longest is also how late a freed lock may be noticed."""


class Busy(StorageError):
    """Another holder kept the lock for longer than the caller would wait."""


class _Held:
    """An open lock file. `descriptor` is -1 once it is closed."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        """Close the file; the lock ends with its last descriptor."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_open: set[_Held] = set()


def _forget_inherited() -> None:
    # A forked child shares the lock itself: while it kept the file open, the holder's death would
    # free nothing. Closing does not unlock what the parent holds.
    for held in tuple(_open):
        held.close()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)


def lease_path(directory: Path, key: RecordKey) -> Path:
    """Return the lock file of a record: its name tells nothing about the server."""
    name = f"{key.kind}\0{key.name}\0{key.account}"
    return directory / f"{sha256(name.encode()).hexdigest()}.lock"


@contextmanager
def locked(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock file `path`; wait up to `timeout` seconds for another holder.

    Args:
        path: The lock file; created 0600 in a private directory.
        timeout: Seconds; 0 tries once.
        what: What is being done under the lock, for the message.

    Raises:
        Busy: Another holder kept it for longer.
        StorageError: The file cannot be opened, or not be locked.
    """
    held = _acquire(path, timeout, what)
    try:
        yield
    finally:
        _release(held)


def _acquire(path: Path, timeout: float, what: str) -> _Held:
    deadline = time.monotonic() + timeout
    held = _opened(path)
    try:
        _wait(lambda: _try_lock(held.descriptor), deadline)
    except TimeoutError:
        _release(held)
        raise Busy(
            f"another process has been {what} for more than {timeout:g} s",
            hint="try again; the lock is freed at once when that process ends",
        ) from None
    except BaseException:
        _release(held)
        raise
    return held


def _release(held: _Held) -> None:
    _open.discard(held)
    if held.descriptor >= 0:
        _unlock(held.descriptor)
    held.close()


def _opened(path: Path) -> _Held:
    private_directory(path.parent)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        held = _Held(os.open(path, flags, 0o600))
    except OSError as caught:
        raise StorageError(
            f"the lock file {path} cannot be opened: {caught.strerror or caught}",
            hint="make its directory writable, or set MCP_VACUUM_HOME to one that is",
        ) from caught
    _open.add(held)
    return held


def _wait(taken: Callable[[], bool], deadline: float) -> None:
    pause = FIRST_PAUSE
    while not taken():
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        """Closing is enough here."""

else:

    def _try_lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as caught:
            raise StorageError(
                f"this file system cannot lock files: {caught.strerror or caught}",
                hint="set MCP_VACUUM_HOME to a directory on a local disk",
            ) from caught
        return True

    def _unlock(descriptor: int) -> None:
        import fcntl

        # A copy of the descriptor in another process must not keep the lock.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
