"""A real keyring, gnome-keyring on a bus of its own, that goes away between two calls."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.safety.secret import shown

from .machine import Machine
from .report import Took, fault

NEEDED = ("gnome-keyring-daemon", "dbus-run-session", "dbus-send")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
Property = Callable[[str, object], None]


class Desktop:
    """The other end of `programs/desktop.py`."""

    def __init__(self, machine: Machine) -> None:
        for name in ("XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            (machine.root / name).mkdir(mode=0o700)
            machine.more[name] = str(machine.root / name)
        machine.more["MCP_VACUUM_KEY_SOURCE"] = "keyring"
        self._machine = machine
        self._session = machine.program("desktop", before=("dbus-run-session", "--"))

    def __call__(self, *line: str) -> Any:
        """Have one line done; what it printed is searched at the end."""
        assert self._session.stdin is not None
        assert self._session.stdout is not None
        print(json.dumps(line), file=self._session.stdin, flush=True)
        answer = self._session.stdout.readline()
        assert answer, self._session.communicate()
        self._machine.heard(answer)
        return json.loads(answer)

    def close(self) -> None:
        """End the session, and with it the keyring and the bus."""
        assert self._machine.finish(self._session).code == 0


@pytest.fixture
def desktop(machine: Machine) -> Iterator[Desktop]:
    desktop = Desktop(machine)
    yield desktop
    desktop.close()


def vault(machine: Machine) -> tuple[bytes, list[str]]:
    """The vault's file, and the names of the files beside it that could be a key or a new vault."""
    names = sorted(each.name for each in machine.home.iterdir() if not each.name.startswith("vault.db-"))
    return (machine.home / "vault.db").read_bytes(), names


@fault(
    "The keyring disappears between two calls (strict)",
    chapter="The keyring",
    made="gnome-keyring is killed while a process has the vault open; a new process finds none",
)
def test_one_that_disappears(machine: Machine, desktop: Desktop, record_property: Property) -> None:
    with Lab() as lab:
        machine.labs.append(lab)
        assert desktop("start")
        assert desktop("run", "login", lab.mcp_url)["code"] == 0
        assert desktop("use", lab.mcp_url) == shown(lab.issued_access_tokens[-1])
        before = vault(machine)
        assert desktop("kill")

        refused = desktop("run", "token", lab.mcp_url)
        assert refused["code"] == 6, refused
        assert "no working keyring" in refused["err"]
        record_property("refused", Took(refused["took"]))
        assert vault(machine) == before  # no key file, no new vault, nothing moved aside
        assert desktop("use", lab.mcp_url) == shown(lab.issued_access_tokens[-1])

        assert lab.reuse_detected == 0


@fault(
    "The keyring disappears while a new vault is to be made",
    chapter="The keyring",
    made="gnome-keyring is killed before the first login, which insists on a keyring",
    lost="nothing; there is no vault, and nothing was sent",
)
def test_one_that_is_gone_before_the_first_login(machine: Machine, desktop: Desktop) -> None:
    with Lab() as lab:
        machine.labs.append(lab)
        assert desktop("start")
        assert desktop("kill")

        assert desktop("run", "login", lab.mcp_url)["code"] == 6
        assert not (machine.home / "vault.db").exists()
        assert lab.recorder.requests == ()
