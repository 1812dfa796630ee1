"""The command line on a disk that goes bad: `trouble.py KIND NUMBER -- ARGUMENTS`.

From the vault's write NUMBER on, counted from 1, trouble of this KIND is there. It is real: the kernel, or
another process, refuses the write. The file `trouble` in the current directory says that it has come.
"""

from __future__ import annotations

import os
import resource
import runpy
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mcp_vacuum.storage.home import state_home
from mcp_vacuum.storage.vault import Vault

WRITES = ("create", "put", "delete", "change_header")
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
HELD: list[subprocess.Popen[bytes]] = []


def limited() -> None:
    """No file grows any more, as beyond a quota; root is bound by it too."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def full() -> None:
    """The file system of the home has no byte left."""
    with (state_home() / "junk").open("wb", buffering=0) as file:
        for size in (65536, 4096):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


def read_only() -> None:
    """The home and all in it lose their write permission; this process has to be without privileges."""
    home = state_home()
    for path in (*home.rglob("*"), home):
        path.chmod(0o500 if path.is_dir() else 0o400)


def busy() -> None:
    """Another process writes to the vault and does not come to an end."""
    command = [sys.executable, "-c", HOLD, str(state_home() / "vault.db")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    HELD.append(holder)  # it ends with this process, whose end of the pipe closes
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"


KINDS: dict[str, Callable[[], None]] = {"quota": limited, "full": full, "read-only": read_only, "busy": busy}


def watched(name: str, count: list[int], when: int, trouble: Callable[[], None]) -> Callable[..., Any]:
    """Return a method of the vault that counts, and brings the trouble when it is time."""
    real = getattr(Vault, name)

    def method(self: Vault, *arguments: Any, **keywords: Any) -> Any:
        count[0] += 1
        if count[0] == when:
            Path("trouble").touch()
            trouble()
        return real(self, *arguments, **keywords)

    return method


def main(kind: str, number: str, _: str, *arguments: str) -> None:
    """Run the command line."""
    connect = sqlite3.connect  # waits for another's transaction no longer than a test has time for
    sqlite3.connect = lambda *given, **named: connect(*given, **{**named, "timeout": 0.3})
    count = [0]
    for name in WRITES:
        setattr(Vault, name, watched(name, count, int(number), KINDS[kind]))
    sys.argv = ["mcp-vacuum", *arguments]
    os.umask(0o077)
    runpy.run_module("mcp_vacuum", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
