"""The vault's file, read without its key and without changing it.

The vault itself repairs, migrates and moves aside when it is opened; here nothing of that may happen, so the
file is opened read-only, beside it. (SQLite may leave its own empty `-wal` and `-shm`.)
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcp_vacuum.doctor.finding import Finding, fail, ok, skipped, warn
from mcp_vacuum.storage.home import RESERVE, owned_by_me
from mcp_vacuum.storage.opening import VAULT_FILE
from mcp_vacuum.storage.reading import PATIENCE, connect_read_only
from mcp_vacuum.storage.schema import SCHEMA_VERSION
from mcp_vacuum.storage.trouble import CORRUPT

ASIDE = ("*.corrupt-*", "*.orphan-*")
COMPANIONS = ("-wal", "-shm")
ORDINARY = {"login": "login", "client": "client registration", "damaged": "damaged record set aside"}


@dataclass(frozen=True, slots=True)
class VaultFile:
    """The facts.

    Attributes:
        path: Where the vault is, or would be.
        size: Bytes with its log; None if there is no vault.
        header: Its header; None if it could not be read.
        damage: What SQLite says of its pages; None if all is well or nothing could be read.
        busy: Another process keeps it from being read or written.
        trouble: Why it cannot be read, for any other reason.
        counts: Number of records by kind.
        reserve: Bytes that are kept back for a full disk.
        aside: Names of files that were moved out of the way.
        written_at: Unix seconds of its newest change.
    """

    path: Path
    size: int | None = None
    header: Mapping[str, str] | None = None
    damage: str | None = None
    busy: bool = False
    trouble: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    reserve: int = 0
    aside: tuple[str, ...] = ()
    written_at: float | None = None

    @property
    def openable(self) -> bool:
        """There is a vault, and opening it would neither fail nor move it aside."""
        sound = self.header is not None and self.damage is None and not self.busy and self.trouble is None
        return sound and self.schema <= SCHEMA_VERSION

    @property
    def schema(self) -> int:
        """The schema of the header; 1 where it does not say."""
        text = (self.header or {}).get("schema", "1")
        return int(text) if text.isdecimal() else 1


def look_at_vault(home: Path) -> VaultFile:
    """Gather the facts."""
    path = home / VAULT_FILE
    files = [path, *(path.with_name(path.name + suffix) for suffix in COMPANIONS)]
    sizes = [found.st_size for file in files if (found := _stat(file))]
    facts = VaultFile(
        path,
        reserve=found.st_size if (found := _stat(home / "vault.reserve")) else 0,
        aside=tuple(_aside(home)),
    )
    try:
        found = path.stat()
    except FileNotFoundError:
        return facts
    except OSError as caught:
        return replace(facts, trouble=(caught.strerror or str(caught)).lower())
    if found.st_size == 0:
        return facts
    facts = replace(
        facts, size=sum(sizes), written_at=max(f.st_mtime for each in files if (f := _stat(each)))
    )
    if not owned_by_me(found):
        return replace(facts, trouble="it belongs to another user")
    return _inspected(facts)


# --- checks -----------------------------------------------------------------------------------------------


def check_vault(facts: VaultFile) -> Iterator[Finding]:
    """Judge the facts."""
    yield check_file(facts)
    yield check_schema(facts)
    yield check_reserve(facts)
    yield from check_aside(facts)
    yield from check_damaged_records(facts)


def check_file(facts: VaultFile) -> Finding:
    """See that the file is there and whole."""
    if facts.size is None and facts.trouble:
        return skipped("vault", f"there is no way to it: {facts.trouble}")
    if facts.size is None:
        return ok("vault", f"{facts.path} is made at the first login")
    if facts.damage is not None:
        return fail(
            "vault",
            f"{facts.path} is damaged: {facts.damage}",
            "the next command moves it aside, with its key kept, and deletes nothing",
            f"restore {facts.path} from a backup, or sqlite3 {facts.path} .recover",
        )
    if facts.busy:
        return fail(
            "vault",
            f"another process keeps {facts.path} busy for more than {PATIENCE:.0f} s",
            fix="end that process (fuser names it), then try again",
        )
    if facts.trouble:
        return fail("vault", f"{facts.path} cannot be read: {facts.trouble}", fix="repair it, then try again")
    return ok("vault", f"{facts.path}, {_size(facts.size)}, {_counted(facts.counts)}")


def check_schema(facts: VaultFile) -> Finding:
    """See that this version can read the vault."""
    if facts.header is None:
        return skipped("schema", "no vault was read")
    if facts.schema > SCHEMA_VERSION:
        return fail(
            "schema",
            f"the vault was written by a newer mcp-vacuum (schema {facts.schema}, ours is {SCHEMA_VERSION})",
            fix="pip install -U mcp-vacuum",
        )
    if facts.schema < SCHEMA_VERSION:
        return ok("schema", f"{facts.schema}; the next command brings it forward to {SCHEMA_VERSION}")
    return ok("schema", f"{facts.schema}{_created(facts.header)}")


def check_reserve(facts: VaultFile) -> Finding:
    """See that room is kept back for the write that must not fail."""
    if facts.size is None:
        return skipped("reserve", "no vault was read")
    if facts.reserve >= RESERVE:
        return ok("reserve", f"{facts.reserve // 1024} KiB kept back for a full disk")
    return warn(
        "reserve",
        "no room is kept back for a full disk: it was used, or the disk was full when the vault was made",
        fix="free some space; the next refresh keeps it again",
    )


def check_aside(facts: VaultFile) -> Iterator[Finding]:
    """Name what was moved out of the way: nobody else will."""
    if facts.aside:
        more = f", and {len(facts.aside) - 1} more" if len(facts.aside) > 1 else ""
        yield warn(
            "aside",
            f"{facts.aside[0]} was moved out of the way{more}",
            "a damaged vault, or the log of a vault that vanished; logins may be in it",
            "keep it until all logins work again: mcp-vacuum list",
        )


def check_damaged_records(facts: VaultFile) -> Iterator[Finding]:
    """Say that records did not open and were replaced by new logins."""
    if count := facts.counts.get("damaged", 0):
        yield warn(
            "records",
            f"{count} damaged {'record was' if count == 1 else 'records were'} set aside in the vault",
            "written by another key, or changed from outside; a new login has taken the place",
        )


def _counted(counts: Mapping[str, int]) -> str:
    told = [
        f"{count} {word}{'s' if count != 1 else ''}"
        for kind, word in ORDINARY.items()
        if (count := counts.get(kind, 0)) and kind != "damaged"
    ]
    return ", ".join(told) or "no login"


def _created(header: Mapping[str, str]) -> str:
    text = header.get("created_at", "")
    return f", made {time.strftime('%Y-%m-%d', time.gmtime(int(text)))}" if text.isdecimal() else ""


def _size(count: int) -> str:
    return f"{count / 10**6:.1f} MB" if count >= 10**6 else f"{count / 1000:.0f} KB"


# --- looking ----------------------------------------------------------------------------------------------


def _inspected(facts: VaultFile) -> VaultFile:
    try:
        with closing(connect_read_only(facts.path)) as connection:
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            header = dict(connection.execute("SELECT name, value FROM header"))
            counts = dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind"))
    except sqlite3.Error as caught:
        return _failed(facts, caught)
    return replace(facts, header=header, counts=counts, damage=None if damage == "ok" else str(damage))


def _failed(facts: VaultFile, caught: sqlite3.Error) -> VaultFile:
    code = getattr(caught, "sqlite_errorcode", 0) & 0xFF
    if code in CORRUPT:
        return replace(facts, damage=str(caught))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return replace(facts, busy=True)
    if code == sqlite3.SQLITE_ERROR:
        return replace(facts, trouble="it is a database, but no vault")
    return replace(facts, trouble=str(caught))


def _aside(home: Path) -> Iterator[str]:
    if os.path.isdir(home):  # noqa: PTH112  (False where even looking is forbidden)
        for pattern in ASIDE:
            yield from (
                each.name for each in sorted(home.glob(pattern)) if not each.name.endswith(COMPANIONS)
            )


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
