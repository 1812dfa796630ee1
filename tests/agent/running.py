"""Homes with real agents, for tests: each is short-lived, has a key file, and leaves no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.place import Place
from mcp_vacuum.lab import Lab
from mcp_vacuum.login import LoginResult
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from tests.helpers import PATIENCE, log_in, wait_for

IS_ROOT = os.geteuid() == 0
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks at /proc")
NEEDS_ROOT = pytest.mark.skipif(not IS_ROOT, reason="it becomes another user, which only root can")
NOBODY = 65534


def alive(pid: int) -> bool:
    """True if the process runs; one that only waits for its parent's attention does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def environ_of(pid: int) -> dict[str, str]:
    """The environment that a process began with; of a process that is closed to us, and of none, nothing."""
    try:
        lines = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(line.partition("=")[::2] for line in lines if line)


def agents_below(root: Path) -> list[int]:
    """Every living process that runs an agent for a home below `root`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _runs_an_agent(entry) and alive(int(entry.name)):
            home = environ_of(int(entry.name)).get("MCP_VACUUM_HOME", "")
            if Path(home).is_relative_to(root):
                found.append(int(entry.name))
    return found


def _runs_an_agent(process: Path) -> bool:
    try:
        return b"mcp_vacuum.agent.process" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@dataclass
class Home:
    """One person's state directory."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.root / "home"

    @property
    def place(self) -> Place:
        return Place(self.path)

    def store(self) -> CredentialStore:
        """Open the vault anew, as another process does."""
        opened = open_store(self.path)
        assert opened is not None
        return opened

    def log_in(self, lab: Lab, **options: Any) -> LoginResult:
        """Log in without telling an agent, and leave no access token in this process."""
        result = log_in(lab, self.store(), **options)
        ACCESS_TOKENS._held.clear()
        lab.recorder.clear()
        return result

    # --- its agent ------------------------------------------------------------------------------------

    def start(self) -> int:
        """Start the agent if none runs; returns its process ID."""
        client.start(self.path)
        wait_for(lambda: self.status() is not None, "an agent that answers")
        status = self.status()
        assert status is not None
        return int(status["pid"])

    def status(self) -> dict[str, Any] | None:
        """What the agent says of itself; None if there is none."""
        try:
            return client.ask(self.path, wire.Status())
        except client.NotRunning:
            return None

    def token(self, name: str, account: str = "default", min_validity: float = 60.0) -> dict[str, Any]:
        """Ask the agent for a token."""
        return client.ask(self.path, wire.Token(name, account, min_validity))

    def connect(self) -> socket.socket:
        """Connect to the agent without a word; the greeting is still to be read."""
        sign = self.place.read_sign()
        assert sign is not None
        connection = socket.socket(socket.AF_UNIX)
        client.queue_up(connection, sign.socket)
        connection.settimeout(PATIENCE)
        return connection

    def agents(self) -> list[int]:
        """The agents that live."""
        seen = {int(line.split()[2]) for line in self.log().splitlines() if line[:4].isdecimal()}
        return sorted({pid for pid in seen if alive(pid)} | set(agents_below(self.root)))

    def log(self) -> str:
        """What the agents wrote."""
        log = self.place.log
        return log.read_text() if log.exists() else ""

    def wait_for_nobody(self) -> None:
        wait_for(lambda: not self.agents(), "the end of all agents")

    def wait_for_the_end(self, pid: int) -> None:
        wait_for(lambda: not alive(pid), f"the end of agent {pid}")

    # --- commands -------------------------------------------------------------------------------------

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own."""
        return self.python("-m", "mcp_vacuum", *arguments, **options)

    def python(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run Python with this home."""
        environment = {**os.environ, **self.environment, **options.pop("env", {})}
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def end(self) -> list[int]:
        """End what still runs, by its ID; returns who did not end when told to."""
        agents = self.agents()
        for pid in agents:
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while any(alive(pid) for pid in agents) and time.monotonic() < deadline:
            time.sleep(0.01)
        stubborn = [pid for pid in agents if alive(pid)]
        for pid in stubborn:
            _signal(pid, signal.SIGKILL)
        return stubborn


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def a_home(monkeypatch: pytest.MonkeyPatch, agent: str = "auto") -> Iterator[Home]:
    """A home of its own; its agent, if there is one at the end, is ended, and has to end when told to."""
    root = Path(tempfile.mkdtemp(prefix="mv-")).resolve()
    home = Home(root)
    for name in [name for name in os.environ if name.startswith(("MCP_VACUUM_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "MCP_VACUUM_HOME": str(home.path),
        "MCP_VACUUM_KEY_SOURCE": "file",
        "MCP_VACUUM_AGENT": agent,
        "MCP_VACUUM_AGENT_IDLE": "120",
    }.items():
        monkeypatch.setenv(name, value)
    ACCESS_TOKENS._held.clear()
    try:
        yield home
    finally:
        stubborn = home.end()
        ACCESS_TOKENS._held.clear()
        shutil.rmtree(root, ignore_errors=True)
    assert stubborn == [], "an agent did not end when it was told to"


@contextmanager
def impostor(
    home: Home, greeting: bytes | None, *replies: bytes, version: str = __version__
) -> Iterator[Path]:
    """Something of ours that listens in the place of the agent, and says what it is told to say."""
    import threading

    home.place.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home.place.run / "impostor.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    _hang_sign(home, path, version)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    if greeting is not None:
                        connection.sendall(greeting)
                    for reply in replies:
                        connection.recv(65536)
                        connection.sendall(reply)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield path
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _hang_sign(home: Home, path: Path, version: str) -> None:
    home.place.hang_sign(path)
    if version != __version__:
        home.place.sign.write_bytes(
            home.place.sign.read_bytes().replace(__version__.encode(), version.encode())
        )


def greeting_of(home: Home, *, digest: str | None = None, version: str = __version__) -> bytes:
    """The greeting of this home's agent, or of another's."""
    return wire.frame(wire.words(wire.NAME, digest or home.place.digest, version))
