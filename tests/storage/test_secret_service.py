"""The keyring that a Linux desktop really has: gnome-keyring on a session bus of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.report import fault

from .conftest import SOURCE

MISSING = [name for name in ("gnome-keyring-daemon", "dbus-run-session") if shutil.which(name) is None]
if MISSING:
    print(f"no test of the real Secret Service: {', '.join(MISSING)} not installed")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

UNLOCK = 'printf "%s" "$0" | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"'
LOCKED = 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; exec "$@"'
LOGIN = """
import pathlib, sys
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.opening import open_store
try:
    store = open_store(pathlib.Path(sys.argv[1]))
    print(store.key_source, store.notice)
    found = store.get("https://mcp.example")
    if found is None:
        store.put(Credential(server="https://mcp.example", refresh_token=Secret("rt"), generation=1), 0)
    print("found" if found else "new")
except VacuumError as caught:
    print(caught.exit_status, caught.message)
"""


class Desktop:
    """A session with its own bus and keyring; the keyring's file outlives the session."""

    def __init__(self, place: Path) -> None:
        self.home = place / "home"
        self.environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        self.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.environment.pop("PYTHON_KEYRING_BACKEND", None)
        for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME"):
            (place / name).mkdir(mode=0o700)
            self.environment[name] = str(place / name)

    def run(self, start: str, password: str = "test", **more: str) -> list[str]:
        """Run the login in a new session; return the lines that it printed."""
        session = ["dbus-run-session", "--", "bash", "-c", start, password]
        return self._lines([*session, sys.executable, "-c", LOGIN, str(self.home)], more)

    def without_bus(self) -> list[str]:
        """Run the login as in a container: no session at all."""
        return self._lines([sys.executable, "-c", LOGIN, str(self.home)], {})

    def _lines(self, command: list[str], more: dict[str, str]) -> list[str]:
        done = subprocess.run(
            command, env={**self.environment, **more}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path)


def test_the_key_lives_in_the_keyring_across_sessions(desktop: Desktop) -> None:
    assert desktop.run(UNLOCK) == ["keyring None", "new"]
    assert not (desktop.home / "vault.key").exists()
    assert desktop.run(UNLOCK) == ["keyring None", "found"]


@fault(
    "The keyring of an existing vault is locked",
    chapter="The keyring",
    made="a new session of gnome-keyring that nobody unlocks",
)
def test_a_locked_keyring_is_said_in_time_and_the_login_is_there_afterwards(desktop: Desktop) -> None:
    desktop.run(UNLOCK)
    said = desktop.run(LOCKED)

    assert said[0].startswith("6 no working keyring (")
    assert desktop.run(UNLOCK) == ["keyring None", "found"]


@fault(
    "There is no keyring, and the vault's key is in one",
    chapter="The keyring",
    made="a process without a session bus",
    lost="nothing; no other key is made",
)
def test_a_session_without_a_bus_does_not_lose_the_login(desktop: Desktop) -> None:
    desktop.run(UNLOCK)
    before = (desktop.home / "vault.db").read_bytes()

    assert desktop.without_bus()[0].startswith("6 no working keyring (")
    assert (desktop.home / "vault.db").read_bytes() == before
    assert not (desktop.home / "vault.key").exists()
    assert desktop.run(UNLOCK) == ["keyring None", "found"]


def test_without_a_bus_a_new_vault_has_a_key_file(desktop: Desktop) -> None:
    said = desktop.without_bus()

    assert said[0].startswith(f"file:{desktop.home}/vault.key no working keyring (")
    assert said[1] == "new"
    assert desktop.run(UNLOCK) == [f"file:{desktop.home}/vault.key None", "found"]


def test_a_locked_keyring_and_no_vault_yet_fall_back_to_a_key_file(desktop: Desktop) -> None:
    said = desktop.run(LOCKED)

    assert said[0].startswith("file:")
    assert "no working keyring (" in said[0]


@fault(
    "The keyring is locked, and a new vault insists on one",
    chapter="The keyring",
    made="a session of gnome-keyring that nobody unlocks",
    lost="nothing; no vault is made",
)
def test_a_forced_keyring_that_is_locked_makes_no_vault(desktop: Desktop) -> None:
    said = desktop.run(LOCKED, MCP_VACUUM_KEY_SOURCE="keyring")

    assert said[0].startswith("6 no working keyring (")
    assert not (desktop.home / "vault.db").exists()
