"""The logins: which of them will not give a token, what happened to them, and what to type."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_vacuum.doctor.clock import span
from mcp_vacuum.doctor.finding import Finding, fail, ok, skipped, warn
from mcp_vacuum.errors import LoginRequired, RecordDamaged
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.lease import lease_path
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.policy import doubtful
from mcp_vacuum.tokens.renewal import WHY_ENDED

MOST = 20
"""So many logins in trouble are told one by one."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that somebody holds right now.

    Attributes:
        server, account: Of the login that is being refreshed; empty where it is none of the vault's.
        pid: Who holds it; None where the kernel does not tell.
    """

    server: str
    account: str
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Logins:
    """The facts.

    Attributes:
        opened: The logins that open.
        closed: Server and account of those that do not.
        leases: Who is refreshing now.
        now: Unix seconds.
    """

    opened: tuple[Credential, ...] = ()
    closed: tuple[tuple[str, str], ...] = ()
    leases: tuple[Lease, ...] = ()
    now: float = 0.0

    def of(self, server: str) -> Logins:
        """Return what is about one server."""
        return Logins(
            tuple(each for each in self.opened if each.server == server),
            tuple(each for each in self.closed if each[0] == server),
            tuple(each for each in self.leases if each.server == server),
            self.now,
        )


def look_at_logins(store: CredentialStore, home: Path) -> Logins:
    """Gather the facts; no lease is taken for longer than it takes to see that it is free."""
    keys = [row.key for row in store.index()]
    opened = tuple(store.logins())
    open_keys = {(each.server, each.account) for each in opened}
    closed = tuple((key.name, key.account) for key in keys if (key.name, key.account) not in open_keys)
    return Logins(opened, closed, tuple(_held(home / "leases", keys)), time.time())


# --- checks -----------------------------------------------------------------------------------------------


def check_logins(facts: Logins | None) -> Iterator[Finding]:
    """Judge the facts; None where the store could not be opened."""
    if facts is None:
        yield skipped("logins", "the vault is not open")
        return
    troubles = [
        *(check_closed(*each) for each in facts.closed),
        *(found for each in facts.opened if (found := check_login(each, facts)).verdict != "ok"),
    ]
    if not troubles:
        yield ok("logins", _all_well(len(facts.opened)))
    yield from troubles[:MOST]
    if len(troubles) > MOST:
        yield warn("logins", f"{len(troubles) - MOST} more are in trouble", fix="mcp-vacuum list")
    yield from map(check_lease, facts.leases)


def check_closed(server: str, account: str) -> Finding:
    """Say that a record does not open."""
    return fail(
        "login",
        f"the login for {named(server, account)} does not open",
        "it was changed from outside, or written with another key; it is kept as it is",
        f"mcp-vacuum login {command(server, account)} sets it aside and makes a new one",
        error=RecordDamaged,
    )


def check_login(credential: Credential, facts: Logins) -> Finding:
    """See that a token can be had without a person."""
    name = named(credential.server, credential.account)
    typed = command(credential.server, credential.account)
    if credential.ended is not None:
        why = WHY_ENDED.get(credential.ended, credential.ended)
        fix = f"mcp-vacuum login {typed}"
        return fail("login", f"the login for {name} has ended: {why}", fix=fix, error=LoginRequired)
    if credential.refresh_token is None and credential.grant not in MACHINE_GRANTS:
        fix = f"mcp-vacuum run {typed} -- CMD logs in when it has to"
        return warn("login", f"the server gave no refresh token for {name}", fix=fix)
    if doubtful(credential.doubts):
        return warn(
            "login",
            f"the login for {name} is doubtful: {len(credential.doubts)} answers that made no sense",
            "they were neither a token nor an OAuth error; nothing was cleared",
            f"mcp-vacuum refresh {typed}; if it goes on: mcp-vacuum login {typed} --force",
        )
    if credential.journal is not None and not _being_refreshed(credential, facts.leases):
        return _interrupted(credential, credential.journal.at, facts.now)
    return ok("login", f"the login for {name} needs nobody to refresh it")


def check_lease(lease: Lease) -> Finding:
    """Say who refreshes right now."""
    who = f"process {lease.pid}" if lease.pid else "another process"
    return ok("lease", f"{who} is refreshing {named(lease.server, lease.account)} right now")


def named(server: str, account: str) -> str:
    """Name a login for a person."""
    return server if account == DEFAULT_ACCOUNT else f"{server} (account {account})"


def command(server: str, account: str) -> str:
    """Name a login as it is typed."""
    return server if account == DEFAULT_ACCOUNT else f"{server} --account {account}"


def _all_well(count: int) -> str:
    if count == 0:
        return "none yet; begin with: mcp-vacuum login URL"
    return "1 login, it can give a token" if count == 1 else f"{count} logins, all can give a token"


def _interrupted(credential: Credential, at: float, now: float) -> Finding:
    when = f" {span(now - at)} ago" if 0 < at <= now else ""
    return warn(
        "login",
        f"a refresh of {named(credential.server, credential.account)} was interrupted{when}",
        "its answer may be lost; the next refresh asks once more, and most servers answer that for a while",
        f"mcp-vacuum refresh {command(credential.server, credential.account)}",
    )


def _being_refreshed(credential: Credential, leases: tuple[Lease, ...]) -> bool:
    return any((each.server, each.account) == (credential.server, credential.account) for each in leases)


# --- looking ----------------------------------------------------------------------------------------------


def _held(directory: Path, keys: list[RecordKey]) -> Iterator[Lease]:
    """Yield the leases that are held; lock files stay, so one that exists says nothing yet."""
    by_path = {lease_path(directory, key): key for key in keys}
    holders = _holders()
    for path in sorted(directory.glob("*.lock")) if directory.is_dir() else ():
        if is_locked(path) and (key := by_path.get(path)):
            yield Lease(key.name, key.account, holders.get(path.stat().st_ino))


def is_locked(path: Path) -> bool:
    """True if somebody holds the lock file; a shared lock is taken for a moment to find out."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _holders() -> dict[int, int]:
    """Inode to process of every `flock` that the kernel lists; empty where it lists none."""
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return {}
    held = [fields for line in lines if len(fields := line.split()) >= 6 and fields[1] == "FLOCK"]
    return {int(fields[5].rpartition(":")[2]): int(fields[4]) for fields in held if fields[4].isdecimal()}
