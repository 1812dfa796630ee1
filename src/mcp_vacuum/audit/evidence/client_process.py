"""A program in a process group of its own: what it prints is read and bounded, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from mcp_vacuum.audit.evidence.client_home import MARK

MOST_OUTPUT = 256 * 1024
GRACE = 1.0
"""Seconds between asking a process to end and ending it."""


class Program:
    """A running client.

    Args:
        command: Without a shell.
        environment: All of it. Its directory stays ours, so that paths in the command mean what they say.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it."""
        self._process = subprocess.Popen(  # noqa: S603 - running it is the purpose, and there is no shell
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._mark = environment.get(MARK, "")
        self._kept: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._readers = [
            self._reading(name, pipe)
            for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
            if pipe is not None
        ]

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def worked_for(self) -> int:
        """Clock ticks that its group has worked for; always 0 where the system has no ``/proc``."""
        return sum(
            ticks for group, ticks in map(_group_and_ticks, _processes()) if group == self._process.pid
        )

    def output(self, name: str) -> str:
        """Return what it printed on ``stdout`` or ``stderr``."""
        return bytes(self._kept[name]).decode("utf-8", "replace")

    def end(self) -> None:
        """End it and everything that it started."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._signal(signal.SIGKILL)
        self._process.wait(5)
        end_marked(self._mark)
        for reader in self._readers:
            reader.join(1)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None and not any(reader.is_alive() for reader in self._readers):
                pipe.close()

    def _signal(self, number: int) -> None:
        """Reach the whole group, which may outlive its leader."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _reading(self, name: str, pipe: IO[bytes]) -> threading.Thread:
        reader = threading.Thread(target=self._read, args=(self._kept[name], pipe), daemon=True)
        reader.start()
        return reader

    def _read(self, kept: bytearray, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while piece := os.read(pipe.fileno(), 65536):
                kept += piece[: max(0, MOST_OUTPUT - len(kept))]


def end_marked(mark: str) -> None:
    """End, by their ids, the processes that carry this mark in their environment: those that left the group.

    Where the system has no ``/proc``, only the group is ended.
    """
    wanted = f"{MARK}={mark}".encode()
    deadline = time.monotonic() + GRACE
    while mark and (left := [pid for pid in _processes() if wanted in _environment(pid).split(b"\0")]):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _processes() -> list[int]:
    with suppress(OSError):
        return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return []


def _group_and_ticks(pid: int) -> tuple[int, int]:
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return int(fields[2]), int(fields[11]) + int(fields[12])
    return 0, 0


def _environment(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""
