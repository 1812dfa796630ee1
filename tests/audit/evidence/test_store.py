"""What is kept on a machine, looked at without a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.store import StoreEvidence, VaultSeen, collect_store
from mcp_vacuum.storage.opening import lock_vault
from tests.audit.machine import Machine, machine, secret


@pytest.fixture
def person() -> Iterator[Machine]:
    with machine() as each:
        yield each


def collect(person: Machine) -> StoreEvidence:
    return collect_store(person.state, person=person.person, environ={})


def everything(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Each path with its mode, inode and time of change."""
    return {
        str(path): ((found := path.lstat()).st_mode, found.st_ino, found.st_mtime_ns)
        for path in sorted(directory.rglob("*"))
    }


def test_looking_changes_nothing(person: Machine) -> None:
    person.log_in()
    person.write(".mcp-auth/mcp-remote-v1/ab_tokens.json", {"refresh_token": secret()})
    before, items = everything(person.person), dict(person.keyring.items)
    seen = collect(person)

    assert len(seen.logins) == 1
    assert everything(person.person) == before
    assert person.keyring.items == items


def test_looking_at_nothing_makes_nothing(person: Machine) -> None:
    seen = collect(person)

    assert (seen.vault, seen.directory, seen.logins, seen.entries) == (None, None, (), ())
    assert list(person.person.iterdir()) == []
    assert person.keyring.items == {}


def test_the_keyring_is_asked_once(person: Machine) -> None:
    person.log_in()
    asked: list[str] = []
    person.keyring.before = lambda: asked.append("once")
    collect(person)

    assert asked == ["once"]


def test_a_locked_vault_shows_what_is_clear_and_asks_nobody(person: Machine) -> None:
    person.log_in()
    lock_vault(person.state)
    asked: list[str] = []
    person.keyring.before = lambda: asked.append("once")
    seen = collect(person)

    assert seen.logins == "the vault is locked"
    assert isinstance(seen.vault, VaultSeen)
    assert [row.issuer for row in seen.vault.rows if row.key.kind == "login"] == ["https://as.example"]
    assert asked == []


def test_a_vault_that_is_none_is_said(person: Machine) -> None:
    person.write(".local/share/mcp-vacuum/vault.db", "no database, but text")
    seen = collect(person)

    assert isinstance(seen.vault, str)
    assert (person.state / "vault.db").read_text() == "no database, but text"


def test_a_vault_elsewhere_is_not_read(person: Machine) -> None:
    person.log_in()
    elsewhere = person.person.parent / "vault.db"
    (person.state / "vault.db").rename(elsewhere)
    (person.state / "vault.db").symlink_to(elsewhere)
    seen = collect(person)

    assert seen.vault == "the vault is behind a symbolic link that leads out of its directory"
    assert seen.outside == ("~/.local/share/mcp-vacuum/vault.db",)


def test_paths_are_told_with_a_tilde(person: Machine) -> None:
    person.log_in()
    seen = collect(person)

    assert seen.home == "~/.local/share/mcp-vacuum"
    assert {each.path for each in seen.entries} >= {"~/.local/share/mcp-vacuum/vault.db"}


def test_sealed_records_are_no_readable_secrets(person: Machine) -> None:
    for number in range(5):
        person.log_in(server=f"https://s{number}.example/mcp", resource=f"https://s{number}.example/mcp")

    assert collect(person).readable == ()


def test_a_secret_in_base64_is_readable(person: Machine) -> None:
    from base64 import b64encode

    person.log_in()
    token = person.store().logins()[0].refresh_token
    assert token
    person.write(".local/share/mcp-vacuum/core", b64encode(f"x{token.reveal()}".encode()).decode())

    assert [(each.path, each.what) for each in collect(person).readable] == [
        ("~/.local/share/mcp-vacuum/core", "a secret of a stored login")
    ]


def test_only_so_many_secrets_are_searched_for(person: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_vacuum.audit.evidence.store.MOST_SECRETS", 1)
    for number in range(3):
        person.log_in(server=f"https://s{number}.example/mcp", resource=f"https://s{number}.example/mcp")

    assert collect(person).unseen == ("2 stored secrets were not searched for elsewhere",)


def test_nothing_in_the_evidence_shows_a_secret(person: Machine) -> None:
    person.log_in()
    token = person.store().logins()[0].refresh_token
    person.write(".mcp-auth/mcp-remote-v1/ab_tokens.json", {"refresh_token": (planted := secret())})
    assert token

    shown = repr(collect(person))
    assert token.reveal() not in shown
    assert planted not in shown
