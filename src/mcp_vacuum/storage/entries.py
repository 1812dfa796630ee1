"""What lies in a directory, looked at without opening anything: modes, owners, links."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_vacuum.storage.home import owned_by_me


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory, as `lstat` sees it."""

    path: str
    mode: int
    mine: bool

    @property
    def is_link(self) -> bool:
        """It is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_directory(self) -> bool:
        """It is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def open_to_others(self) -> bool:
        """Somebody else may read or change it."""
        return not self.is_link and bool(stat.S_IMODE(self.mode) & 0o077)


def entry(path: Path, *, follow: bool = False) -> Entry:
    """Look at one path.

    Raises:
        OSError: It is not there, or cannot be looked at.
    """
    found = path.stat() if follow else path.lstat()
    mode = found.st_mode if sys.platform != "win32" else stat.S_IFMT(found.st_mode)
    return Entry(str(path), mode, owned_by_me(found))


def entries(directory: Path, depth: int) -> Iterator[Entry]:
    """Look at everything in a directory, `depth` levels deep; links are not followed.

    Raises:
        OSError: A directory cannot be listed.
    """
    for path in sorted(directory.iterdir()):
        try:
            found = entry(path)
        except FileNotFoundError:  # SQLite's companions come and go
            continue
        yield found
        if found.is_directory and depth > 1:
            yield from entries(path, depth - 1)
