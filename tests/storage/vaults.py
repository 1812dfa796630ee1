from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from mcp_vacuum.storage.vault import Vault
from mcp_vacuum.testing.contracts import row


def made(home: Path, vault_id: str = "test") -> Vault:
    """Return a new vault with one record."""
    vault = Vault(home / "vault.db")
    with vault.creation():
        vault.create({"vault_id": vault_id})
    vault.put(row(alias="work"), expected_generation=0)
    return vault


@contextmanager
def borrowed(vault: Vault) -> Iterator[sqlite3.Connection]:
    """Hold the vault's own connection, as a thread does that is in the middle of a call."""
    with vault.database.connection() as connection:
        yield connection


def names(home: Path) -> list[str]:
    return sorted(each.name for each in home.iterdir())


def sql(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def fill(junk: Path) -> None:
    with junk.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


class mounted:  # noqa: N801  (reads as a word)
    """A small file system of its own in memory; skips the test where none can be mounted."""

    def __init__(self, place: Path, options: str) -> None:
        self.place, self.options = place, options

    def __enter__(self) -> None:
        command = ["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", str(self.place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no tmpfs can be mounted here (needs root)")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
