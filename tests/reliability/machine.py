"""One person's machine, whose processes are watched while they live and searched for secrets afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.safety.secret import readable_in, shown
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.secure import SecureTokenStorage
from tests.helpers import log_in, refreshes, wait_for
from tests.scripts.conftest import Done, Session

ROOT = Path(__file__).parents[2]
LAST_BREATH = 5.0
"""Seconds that a process may take to end after its test."""
PROC = Path("/proc")


class Watch:
    """Reads the command line and the environment of every process of one machine, again and again.

    A process belongs to the machine if its environment or command line names the machine's directory, so
    one that has become a daemon, or has another parent, is seen too. Elsewhere than on Linux it sees nothing.
    """

    def __init__(self, root: Path) -> None:
        self._name = str(root).encode()
        self._seen: set[bytes] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look_again, name="watch of processes", daemon=True)
        self._thread.start()

    @property
    def seen(self) -> tuple[bytes, ...]:
        """Every command line and every environment so far."""
        return tuple(self._seen)

    def look(self) -> list[int]:
        """Note what there is now; return the processes."""
        found = []
        for pid in _processes():
            # In this order: in a process that is just starting, the kernel fills the environment in last.
            content = [_of(pid, "environ"), _of(pid, "cmdline")]
            if any(self._name in each for each in content):
                self._seen.update(content)
                found.append(pid)
        return found

    def left(self) -> list[int]:
        """Return the processes that outlive the test by `LAST_BREATH` seconds."""
        deadline = time.monotonic() + LAST_BREATH
        while (found := self.look()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()
        self._thread.join()

    def _look_again(self) -> None:
        while not self._ending.wait(0.05):
            self.look()


def _processes() -> Iterator[int]:
    names = (each.name for each in PROC.iterdir()) if PROC.is_dir() else ()
    return (int(name) for name in names if name.isdecimal() and int(name) != os.getpid())


def _of(pid: int, what: str) -> bytes:
    try:
        return (PROC / str(pid) / what).read_bytes()
    except OSError:  # it has ended, or it is not ours to read
        return b""


def _path() -> str:
    """The path of programs that are modules of these tests."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


@dataclass
class Machine(Session):
    """A session without an agent, that can run the programs of this folder too."""

    started: list[subprocess.Popen[str]] = field(default_factory=list)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.root)

    @contextmanager
    def lab(self, **config: Any) -> Iterator[Lab]:
        """A laboratory that this person is logged in to; strict unless it is given a grace period."""
        with Lab(LabConfig(**config)) as lab:
            self.labs.append(lab)
            self.log_in(lab)
            yield lab

    def log_in(self, lab: Lab, **options: Any) -> None:
        """Log in from this process, into the vault of the machine."""
        store = self.store()
        log_in(lab, store, **options)
        store.close()

    def store(self) -> CredentialStore:
        """The vault, opened in this process, whose environment says where it is and where its key is."""
        return SecureTokenStorage().store

    def start(self, *arguments: str, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
        """Start a command; it is seen at once."""
        return self._noted(super().start(*arguments, before=before, **options))

    def program(
        self, name: str, *arguments: str, before: tuple[str, ...] = (), **more: str
    ) -> subprocess.Popen[str]:
        """Start one of the programs of this folder; `more` goes into its environment."""
        process = subprocess.Popen(
            [*before, sys.executable, "-m", f"tests.reliability.programs.{name}", *arguments],
            env={**self.environment, "PYTHONPATH": _path(), **more},
            cwd=self.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._noted(process)

    def get(self, lab: Lab, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        """Let a fresh process get a token; it prints what may be shown of it."""
        return self.finish(self.program("get", lab.mcp_url, *arguments, before=before))

    def gets_the_newest(self, lab: Lab) -> Done:
        """Let a fresh process get a token, which has to be the one that the server issued last."""
        done = self.get(lab)
        assert (done.code, done.out.strip()) == (0, shown(lab.issued_access_tokens[-1])), done
        return done

    def heard(self, text: str) -> None:
        """Have something searched that was printed in this process."""
        self.said.append(Done(0, text, ""))

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a process that this machine started, and note what it had said."""
        process.kill()
        assert self.finish(process).code == -signal.SIGKILL

    def search(self) -> None:
        """Fail if a secret can be read anywhere; see the top of this file."""
        super().search()
        key = self.home / "vault.key"
        secrets = self.secrets()
        if key.is_file():
            secrets.append(("vault key", key.read_text().splitlines()[-1]))
        assert [kind for kind, secret in secrets if self._shown_to_others(secret)] == []

    def _shown_to_others(self, secret: str) -> bool:
        printed = "\n".join(done.out + done.err for done in self.said).encode()
        return any(readable_in(content, secret) for content in (*self.watch.seen, printed))

    def close(self) -> None:
        """End what is still there, by its id, and fail if that is more than what tests hold on to."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        left = self.watch.left()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.watch.stop()
        assert left == [], "processes were left behind"

    def _noted(self, process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        self.started.append(process)
        if PROC.is_dir():
            wait_for(lambda: process.pid in self.watch.look() or process.poll() is not None, "it has started")
        return process


def sent(lab: Lab) -> int:
    """How many refreshes arrived."""
    return len(refreshes(lab))
