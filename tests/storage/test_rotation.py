"""Changing a vault's key: between sources, beside an open store, and killed at every step."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, UsageError, VaultLocked
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.key_source import KeyName
from mcp_vacuum.storage.opening import lock_vault, open_store, vault_header
from mcp_vacuum.storage.rotation import rotate_key, rotation_pending
from tests.storage.conftest import login, registration

URLS = [f"https://s{n}.example/mcp" for n in range(7)]
ISSUER = "https://as.example"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(EnvSource, "_taken", ())
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    home = tmp_path / "home"
    store = open_store(home)
    assert store is not None
    for url in URLS:
        store.put(login(url), 0)
    store.put_registration(registration(ISSUER))
    store.close()
    monkeypatch.delenv("MCP_VACUUM_KEY_SOURCE")
    return home


def opened(home: Path, ask: Callable[[str], str] | None = None) -> CredentialStore:
    store = open_store(home, create=False, ask=ask)
    assert store is not None
    return store


def whole(home: Path, ask: Callable[[str], str] | None = None) -> bool:
    """Everything is there and opens."""
    store = opened(home, ask)
    kept = {each.server: each.refresh_token for each in store.logins()}
    return (
        list(kept) == URLS
        and all(kept[url] == login(url).refresh_token for url in URLS)
        and store.registration(ISSUER) == registration(ISSUER)
    )


class TestSources:
    def test_a_key_file_gets_another_key_and_loses_the_former(self, home: Path) -> None:
        before = (home / "vault.key").read_text()
        done = rotate_key(home)

        assert (done.resealed, done.unopened, done.resumed) == (len(URLS) + 1, 0, False)
        assert (home / "vault.key").read_text() != before
        assert (home / "vault.key").read_text().count("\n") == 2
        assert (home / "vault.key").stat().st_mode & 0o777 == 0o600
        assert whole(home)

    def test_to_another_file(self, home: Path, tmp_path: Path) -> None:
        rotate_key(home, f"file:{tmp_path / 'other.key'}")

        assert not (home / "vault.key").exists()
        assert whole(home)

    def test_in_a_file_of_somebody_elses_the_former_key_is_pointed_out(
        self, home: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.key"
        rotate_key(home, f"file:{other}")
        former = other.read_text().splitlines()[-1]
        (notice,) = rotate_key(home).notices

        assert notice.startswith(f"the former key is still in file:{other}, line 3: take it out there")
        assert other.read_text().splitlines()[2] == former
        assert former not in notice

    def test_to_the_environment(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", new_key().decode())
        rotate_key(home, "env")

        assert (vault_header(home) or {})["key_source"] == "env"
        assert whole(home)

    def test_to_a_command(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(new_key())
        rotate_key(home, f"command:cat {shlex.quote(str(tmp_path / 'key'))}")

        assert whole(home)

    def test_to_a_passphrase_and_back(self, home: Path) -> None:
        asked: list[str] = []

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return "correct horse"

        rotate_key(home, "passphrase", ask=ask)
        assert not (home / "vault.key").exists()
        assert whole(home, ask)
        with pytest.raises(KeyUnavailable, match="wrong passphrase"):
            opened(home, lambda _: "incorrect horse")
        rotate_key(home, "file", ask=ask)

        assert whole(home)

    def test_a_command_that_has_no_other_key_changes_nothing(self, home: Path) -> None:
        key = (home / "vault.key").read_text().splitlines()[-1]
        with pytest.raises(KeyUnavailable, match="only the key that the vault has already"):
            rotate_key(home, f"command:echo {key}")

        assert not rotation_pending(vault_header(home) or {})
        assert whole(home)

    def test_there_has_to_be_such_a_source(self, home: Path) -> None:
        with pytest.raises(UsageError, match=r"^there is no key source 'nowhere'"):
            rotate_key(home, "nowhere")

    def test_a_locked_vault_keeps_its_key(self, home: Path) -> None:
        lock_vault(home)
        with pytest.raises(VaultLocked):
            rotate_key(home)


class TestMeanwhile:
    def test_an_open_store_goes_on(self, home: Path, tmp_path: Path) -> None:
        store = opened(home)
        first = store.get(URLS[0])
        assert first is not None
        rotate_key(home, f"file:{tmp_path / 'other.key'}")
        store.put(replace(first, generation=first.generation + 1), first.generation)
        rotate_key(home)

        assert [each.server for each in store.logins()] == URLS
        assert whole(home)

    def test_a_journal_is_understood_afterwards(self, home: Path) -> None:
        token = Secret("rt")
        before = opened(home).fingerprint(token)
        rotate_key(home)

        assert opened(home).fingerprint(token) == before

    def test_what_does_not_open_stays_as_it_is(self, home: Path) -> None:
        import sqlite3

        with sqlite3.connect(home / "vault.db") as base:
            base.execute("UPDATE records SET sealed = x'0102' WHERE name = ?", (URLS[3],))
        base.close()
        done = rotate_key(home)
        with sqlite3.connect(home / "vault.db") as base:
            kept = base.execute("SELECT sealed FROM records WHERE name = ?", (URLS[3],)).fetchone()[0]
        base.close()

        assert (done.resealed, done.unopened, kept) == (len(URLS), 1, b"\1\2")


KILLED = """
import os, signal, sys
from pathlib import Path
from mcp_vacuum.storage import rotation, resealing
from mcp_vacuum.storage.vault import Vault

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where, home = sys.argv[1], Path(sys.argv[2])
resealing.BATCH = 2
progress = None
if where == "key made":
    Vault.change_header = die
elif where == "header names it":
    rotation.reseal_all = die
elif where == "some records sealed anew":
    progress = die
elif where == "all records sealed anew":
    rotation._retire = die
elif where == "former key gone":
    real = Vault.change_header
    Vault.change_header = lambda self, changes: die() if None in changes.values() else real(self, changes)
rotation.rotate_key(home, sys.argv[3] or None, progress=progress)
"""
STEPS = (
    "key made",
    "header names it",
    "some records sealed anew",
    "all records sealed anew",
    "former key gone",
)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("to", ["", "elsewhere"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step_it_opens_and_goes_on(home: Path, tmp_path: Path, step: str, to: str) -> None:
    import subprocess

    source = f"file:{tmp_path / 'other.key'}" if to else ""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(home), source], env=dict(os.environ), check=False
    )

    assert done.returncode == -signal.SIGKILL
    assert whole(home)
    rotate_key(home, source or None)
    assert not rotation_pending(vault_header(home) or {})
    assert whole(home)


def test_a_keyring_has_one_item_for_each_key() -> None:
    from mcp_vacuum.storage.keyring_source import item

    assert [item(KeyName("id", number)) for number in (1, 2)] == ["vault:id", "vault:id:2"]
