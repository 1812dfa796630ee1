"""The logins: which of them will not give a token, and what to type."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.logins import MOST, Logins, check_logins, look_at_logins
from mcp_vacuum.models import Attempt, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from tests.storage.conftest import Script, script

__all__ = ["script"]
URL = "https://mcp.example/mcp"
LEASE = """
import pathlib, sys
from mcp_vacuum.storage.opening import open_store
with open_store(pathlib.Path(sys.argv[1])).lease(sys.argv[2], "default", 5):
    print("held", flush=True)
    sys.stdin.readline()
"""


def login(**changes: Any) -> Credential:
    plain = Credential(server=URL, refresh_token=Secret("rt-0123456789"), generation=1, created_at=1.0)
    return replace(plain, **changes)


def attempt(at: float) -> Attempt:
    return Attempt(generation=1, digest="d", at=at, host="secret-host", boot_id="b", pid=1, pid_start="s")


def findings(store: CredentialStore, home: Path) -> list[Finding]:
    return list(check_logins(look_at_logins(store, home)))


@pytest.mark.parametrize(
    ("changes", "verdict", "status", "words", "fix"),
    [
        ({}, "ok", 0, "1 login", ""),
        ({"ended": "login_ended"}, "fail", 3, "invalid_grant", f"mcp-vacuum login {URL}"),
        ({"ended": "reply_lost"}, "fail", 3, "was lost", f"mcp-vacuum login {URL}"),
        (
            {"ended": "login_ended", "account": "work"},
            "fail",
            3,
            "work",
            f"mcp-vacuum login {URL} --account work",
        ),
        ({"refresh_token": None}, "warn", 0, "no refresh token", f"mcp-vacuum run {URL} -- CMD"),
        ({"refresh_token": None, "grant": "client_credentials"}, "ok", 0, "1 login", ""),
        ({"doubts": (0.0, 1.0, 100.0)}, "warn", 0, "doubtful", "--force"),
        ({"journal": attempt(0.0)}, "warn", 0, "was interrupted", f"refresh {URL}"),
    ],
)
def test_verdicts(
    store: CredentialStore, home: Path, changes: Any, verdict: str, status: int, words: str, fix: str
) -> None:
    store.put(login(**changes), 0)
    (found,) = findings(store, home)

    assert (found.verdict, found.exit_status) == (verdict, status)
    assert words in found.what
    assert fix in found.fix
    assert "secret-host" not in found.what + found.why


def test_an_attempt_says_how_long_ago_it_was(store: CredentialStore, home: Path) -> None:
    store.put(login(journal=attempt(time.time() - 300)), 0)
    (found,) = findings(store, home)

    assert "interrupted 5 min ago" in found.what


def test_one_that_does_not_open(store: CredentialStore, home: Path) -> None:
    store.put(login(), 0)
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        connection.execute("UPDATE records SET sealed = 'x' || sealed")
        connection.commit()
    (found,) = findings(store, home)

    assert (found.verdict, found.exit_status) == ("fail", 6)
    assert "does not open" in found.what


def test_none_and_no_vault() -> None:
    (none,), (closed,) = check_logins(Logins()), check_logins(None)

    assert (none.verdict, "mcp-vacuum login URL" in none.what) == ("ok", True)
    assert closed.verdict == "skipped"


def test_of_very_many_in_trouble_some_are_told() -> None:
    many = tuple(login(server=f"https://{n}.example", ended="login_ended") for n in range(MOST + 5))
    found = list(check_logins(Logins(many)))

    assert len(found) == MOST + 1
    assert found[-1].what == "5 more are in trouble"


@pytest.mark.skipif(os.name != "posix", reason="locks are looked at with flock")
def test_a_refresh_in_another_process_is_seen(store: CredentialStore, home: Path, script: Script) -> None:
    """Its journal is no interruption then, and where the kernel tells who it is, so do we."""
    store.put(login(journal=attempt(1.0)), 0)
    holder = script(LEASE, URL, MCP_VACUUM_HOME=str(home), MCP_VACUUM_KEY_SOURCE="file")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    calm, lease = findings(store, home)

    assert (calm.verdict, lease.verdict) == ("ok", "ok")
    who = f"process {holder.pid}" if sys.platform == "linux" else "another process"
    assert lease.what == f"{who} is refreshing {URL} right now"

    holder.communicate("\n", timeout=30)
    (after,) = findings(store, home)
    assert "interrupted" in after.what
