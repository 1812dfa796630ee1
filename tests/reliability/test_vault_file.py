"""A vault whose newest commits are gone, and one with 100,000 logins."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.lab import Lab
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.credentials import CredentialStore

from .machine import Machine, sent
from .report import Took, fault

FILE = "The vault's file"
Property = Callable[[str, object], None]
GONE = (
    "the login whose newest refresh token was in what is gone: the server has rotated the older one, and ends"
    " the family when it comes back. Nobody can prevent it: the only copy was deleted. It is said to be ended"
    " by the server, with the command to type; no other login is touched"
)


def log_lost(machine: Machine, lab: Lab) -> None:
    """A process dies before SQLite has moved its commits from the log to the file; the log is deleted."""
    assert machine.get(lab, "after commit").code < 0
    log = machine.home / "vault.db-wal"
    assert log.stat().st_size > 0
    log.unlink()
    (machine.home / "vault.db-shm").unlink()


def old_backup(machine: Machine, lab: Lab) -> None:
    """A login is refreshed after a copy of the vault was made, and the copy is put back."""
    vault, copy = machine.home / "vault.db", machine.root / "copy.db"
    shutil.copy(vault, copy)
    machine.gets_the_newest(lab)
    shutil.copy(copy, vault)


def ways(grace: str, lost: str) -> list[object]:
    made = {
        log_lost: ("The log of the vault is lost", "`vault.db-wal` is deleted after a process was killed"),
        old_backup: ("An old copy of the vault is put back", "the copy was made before the last refresh"),
    }
    return [
        pytest.param(
            way, marks=fault(f"{what} ({grace})", chapter=FILE, made=how, lost=lost), id=way.__name__
        )
        for way, (what, how) in made.items()
    ]


@pytest.mark.parametrize("way", ways("grace", "nothing"))
def test_with_a_grace_period_the_older_token_still_does(
    machine: Machine, way: Callable[[Machine, Lab], None]
) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        way(machine, lab)
        machine.gets_the_newest(lab)
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0


@pytest.mark.parametrize("way", ways("strict", GONE))
def test_without_one_the_login_has_ended_and_the_others_have_not(
    machine: Machine, way: Callable[[Machine, Lab], None]
) -> None:
    with machine.lab() as other, machine.lab() as lab:
        way(machine, lab)
        done = machine.get(lab)
        assert done.code == 3, done
        assert "the authorization server ended it (invalid_grant)" in done.out
        assert f"mcp-vacuum login {lab.mcp_url}" in done.out
        machine.gets_the_newest(other)

        machine.ok("login", lab.mcp_url)
        machine.gets_the_newest(lab)
        assert other.reuse_detected == 0


PAGE = 4096
KEPT = (
    "nothing but what was in the damaged bytes: the file is moved aside whole, its key stays, a backup fits"
)


def head_gone(content: bytes) -> bytes:
    return bytes(PAGE) + content[PAGE:]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            head_gone,
            marks=fault(
                "The first page is damaged", chapter=FILE, made="zeros are written over it", lost=KEPT
            ),
        ),
        pytest.param(
            cut,
            marks=fault("The file is truncated", chapter=FILE, made="its second half is cut off", lost=KEPT),
        ),
    ],
)
def test_what_is_no_database_any_more_is_kept(machine: Machine, damage: Callable[[bytes], bytes]) -> None:
    with machine.lab() as lab:
        vault, key = machine.home / "vault.db", (machine.home / "vault.key").read_bytes()
        good = vault.read_bytes()
        vault.write_bytes(damage(good))
        done = machine.get(lab)
        (aside,) = machine.home.glob("vault.db.corrupt-*[0-9Z]")

        assert done.code == 6, done
        assert str(aside) in done.out
        assert aside.read_bytes() == damage(good)
        assert (machine.home / "vault.key").read_bytes() == key
        assert sent(lab) == 0
        vault.write_bytes(good)
        vault.chmod(0o600)
        machine.gets_the_newest(lab)


@fault(
    "A page in the middle is damaged",
    chapter=FILE,
    made="noise is written over one page of a vault of 200 logins, in the middle of the file",
    lost="the logins whose bytes were in that page; they are named, not deleted, and all others go on",
)
def test_damage_in_the_middle_stays_there(machine: Machine) -> None:
    with machine.lab() as lab:
        store = machine.store()
        mine = store.get(lab.mcp_url)
        assert mine is not None
        others = [_another(mine, number) for number in range(200)]
        for other in others:
            store.put(other, 0)
        store.close()
        vault = machine.home / "vault.db"
        content = bytearray(vault.read_bytes())
        middle = len(content) // PAGE // 2 * PAGE
        content[middle : middle + PAGE] = b"\xa5" * PAGE
        vault.write_bytes(content)

        lost = [other.server for other in others if not _opens(store, other.server)]
        store.close()
        assert 0 < len(lost) < 20, len(lost)
        assert list(machine.home.glob("*.corrupt-*")) == []
        machine.gets_the_newest(lab)


def _opens(store: CredentialStore, server: str) -> bool:
    try:
        return store.get(server) is not None
    except StorageError:
        return False


@pytest.mark.long
@pytest.mark.timeout(600)
@fault(
    "100,000 logins in one vault",
    chapter="Many at once",
    made="the record of a real login, written 100,000 times under other names; then one is found by its host,"
    " refreshed by another process, and all are listed",
)
def test_a_hundred_thousand_logins(machine: Machine, record_property: Property) -> None:
    with machine.lab() as lab:
        store = machine.store()
        mine = store.get(lab.mcp_url)
        assert mine is not None
        for number in range(100_000):
            store.put(_another(mine, number), 0)
        store.close()

        with _timed(record_property, "refreshed by URL"):
            machine.gets_the_newest(lab)
        with _timed(record_property, "found by host"):
            found = store.find("host-77777.example")
        with _timed(record_property, "listed"):
            rows = store.index()
        with _timed(record_property, "opened all"):
            opened = len(store.logins())
        store.close()

        assert found is not None
        assert found.server == "https://host-77777.example/mcp"
        assert (len(rows), opened) == (100_001, 100_001)
        assert (sent(lab), lab.reuse_detected) == (1, 0)
        record_property("logins", len(rows))


def _another(login: Credential, number: int) -> Credential:
    server = f"https://host-{number}.example/mcp"
    return replace(login, server=server, resource=server, generation=1)


class _timed:  # noqa: N801  (reads as a word)
    """Measures a block."""

    def __init__(self, record_property: Property, name: str) -> None:
        self._note, self._name = record_property, name

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._note(self._name, Took(time.monotonic() - self._began))
