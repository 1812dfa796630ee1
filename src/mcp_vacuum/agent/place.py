"""Where the agent of a home is to be found: its lock, its socket, and the file that names the socket."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mcp_vacuum._version import __version__
from mcp_vacuum.agent.wire import split_words, words
from mcp_vacuum.errors import AgentUnavailable, StorageError
from mcp_vacuum.storage.home import private_directory, read_private_file

LONGEST_SOCKET = 100
"""Bytes; the kernel's own limit is 104 or 108, and its error says nothing."""


def digest_of(home: Path) -> str:
    """Return what tells one home from another: 12 hex digits of the SHA-256 of its real path."""
    return sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one home's agent. All are in directories that only their owner can enter."""

    home: Path

    @property
    def run(self) -> Path:
        """The directory of the agent's files."""
        return self.home / "run"

    @property
    def lock(self) -> Path:
        """Locked for the agent's whole life: two agents for one home cannot run."""
        return self.run / "agent.lock"

    @property
    def sign(self) -> Path:
        """Names the socket: shells of one user may have different `$XDG_RUNTIME_DIR`, or none."""
        return self.run / "agent.at"

    @property
    def log(self) -> Path:
        """What the agent has to say, without a secret."""
        return self.run / "agent.log"

    @property
    def digest(self) -> str:
        """See `digest_of`."""
        return digest_of(self.home)

    def socket(self) -> Path:
        """Return where a new agent listens; its directory exists and is private.

        Raises:
            StorageError: No private directory can be had.
        """
        name = f"{self.digest}.sock"
        runtime = _runtime_directory()
        if runtime is not None and _fits(runtime / "mcp-vacuum" / name):
            return _only_mine(private_directory(runtime / "mcp-vacuum")) / name
        if _fits(self.run / "agent.sock"):
            return _only_mine(private_directory(self.run)) / "agent.sock"
        short = Path(tempfile.gettempdir()) / f"mcp-vacuum-{os.geteuid()}"
        if short.is_symlink():  # whoever made it could have it lead elsewhere later
            raise StorageError(f"{short} is a symbolic link; the agent does not listen there")
        return _only_mine(private_directory(short)) / name

    def hang_sign(self, socket: Path) -> None:
        """Say where the agent listens; callers hold the lock."""
        fresh = self.sign.with_name(f"agent.at.{os.getpid()}")
        home = os.path.realpath(self.home)
        said = words(str(socket), self.digest, __version__, str(os.getpid()), home)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(said)
        fresh.replace(self.sign)

    def read_sign(self) -> Sign | None:
        """Return what the sign says; None if there is no agent of this home that could be reached.

        A sign that makes no sense, or came here with a copy of another home, is as good as none: the next
        agent replaces it.

        Raises:
            AgentUnavailable: The sign is another user's or open to others, or there is no way to it.
        """
        try:
            parts = split_words(read_private_file(self.sign))
        except FileNotFoundError:
            return None
        except AgentUnavailable:
            return None
        except StorageError as error:
            if not os.path.isdir(self.run):  # noqa: PTH112  (False where even looking is forbidden)
                raise AgentUnavailable(
                    f"the state directory {self.home} cannot be looked into",
                    hint="make it a directory of yours, or set MCP_VACUUM_HOME to another one",
                ) from None
            raise AgentUnavailable(error.message, hint=error.hint) from None
        if len(parts) != 5 or parts[1] != self.digest:
            return None
        return Sign(*parts)


@dataclass(frozen=True, slots=True)
class Sign:
    """Where an agent listens, of which home, which version, and which process it is.

    Attributes:
        home: The real path, for `cli/fast.py`, which has no time for the digest.
    """

    socket: str
    digest: str
    version: str
    pid: str
    home: str


Stamp = tuple[int, int, int]


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes when a file is replaced or rewritten; None if there is none.

    The inode alone is not enough: a file system gives the number of a file that is gone to the next one.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _runtime_directory() -> Path | None:
    """Return `$XDG_RUNTIME_DIR` if it is what the XDG specification promises: mine, 0700, and there."""
    named = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    try:
        found = named.stat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return named if named.is_absolute() and private and found.st_uid == os.geteuid() else None


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= LONGEST_SOCKET


def _only_mine(directory: Path) -> Path:
    if directory.stat().st_mode & 0o077:
        raise StorageError(
            f"the directory {directory} can be entered by others; the agent does not listen there",
            hint=f"chmod 700 {directory}",
        )
    return directory
