"""Files of this person, looked at within bounds: opened for reading only, never followed out of the home."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mcp_vacuum.safety.url import printable
from mcp_vacuum.storage.home import owned_by_me

LARGEST = 8 * 1024 * 1024
"""Bytes of one file that are read."""
MOST_FILES = 400
"""Files that one audit opens."""
MOST_MATCHES = 60
"""Files that one pattern may name."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file or directory, looked at.

    Attributes:
        path: As its owner writes it, with ``~``.
        mode: Permission bits; 0 where there are none to speak of.
        mine: It belongs to this user.
        exposed: Others can get to it, and may read or change it.
        modified: Unix seconds.
        size: Bytes.
    """

    path: str
    mode: int
    mine: bool
    exposed: bool
    modified: float
    size: int

    @property
    def open(self) -> bool:
        """Its own mode lets others in."""
        return bool(self.mode & 0o077)


def own_home() -> Path:
    """Return the home of this person; the root of the file system for who has none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


class Files:
    """What one audit may look at.

    Attributes:
        home: Of the person.
        unseen: What could not be looked at, and why.
    """

    def __init__(self, home: Path) -> None:
        """Look around in the home of a person."""
        self.home = home.absolute()
        self.unseen: list[str] = []
        self._roots = [os.path.realpath(home)]
        self._left = MOST_FILES

    def allow(self, directory: Path) -> None:
        """Let files of a directory outside of the home be read: its owner named it."""
        self._roots.append(os.path.realpath(directory))

    def inside(self, path: Path) -> bool:
        """True if a path really lies in the home, or in what was allowed."""
        real = os.path.realpath(path)
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._roots)

    def shown(self, path: Path) -> str:
        """Return a path as its owner writes it."""
        try:
            inner = path.absolute().relative_to(self.home).as_posix()
        except ValueError:
            return printable(str(path))
        return "~" if inner == "." else printable(f"~/{inner}")

    def named(self, base: Path, pattern: str) -> Iterator[Path]:
        """Yield what a pattern names under a directory; nothing where that cannot be listed."""
        try:
            yield from islice(sorted(base.glob(pattern)), MOST_MATCHES)
        except OSError as caught:
            self._unseen(base, caught)

    def look(self, path: Path) -> FileSeen | None:
        """Look at a path without opening it; None if there is nothing."""
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as caught:
            self._unseen(path, caught)
            return None
        mode = 0 if sys.platform == "win32" else stat.S_IMODE(found.st_mode)
        exposed = self._reachable(path, mode)
        return FileSeen(
            self.shown(path), mode, owned_by_me(found), exposed, found.st_mtime, int(found.st_size)
        )

    def read(self, path: Path, *, most: int = LARGEST, newest: bool = False) -> bytes | None:
        """Read a file, or as much of it as may be read.

        Args:
            path: Where.
            most: Bytes.
            newest: Of a longer file, read the end; else it is not read at all.

        Returns:
            None if there is none, or why there is none is in `unseen`.
        """
        if not self._allowed(path):
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                return self._bounded(path, descriptor, most, newest)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as caught:
            self._unseen(path, caught)
            return None

    def _bounded(self, path: Path, descriptor: int, most: int, newest: bool) -> bytes | None:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size > most:
            if not newest:
                self.unseen.append(f"{self.shown(path)} is larger than {most // 1024} KiB")
                return None
            os.lseek(descriptor, found.st_size - most, os.SEEK_SET)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)

    def _allowed(self, path: Path) -> bool:
        if self._left <= 0:
            self.unseen.append(f"{self.shown(path)} and what follows: {MOST_FILES} files were read already")
            return False
        self._left -= 1
        if not self.inside(path):
            self.unseen.append(f"{self.shown(path)} is behind a symbolic link that leads out of the home")
            return False
        return True

    def _reachable(self, path: Path, mode: int) -> bool:
        """True if the group or the others have a bit on the file, and a way through every directory to it."""
        open_to = {shift for shift in (0, 3) if mode >> shift & 0o7}
        for directory in self._above(path):
            try:
                through = directory.stat().st_mode
            except OSError:
                return False
            open_to = {shift for shift in open_to if through >> shift & 0o1}
        return bool(open_to)

    def _above(self, path: Path) -> Iterator[Path]:
        for directory in path.absolute().parents:
            yield directory
            if directory == self.home:
                return

    def _unseen(self, path: Path, caught: OSError) -> None:
        self.unseen.append(f"{self.shown(path)} cannot be read: {(caught.strerror or str(caught)).lower()}")
