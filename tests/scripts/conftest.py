"""Whole sessions of the command line as subprocesses; after each, every file and every output is searched.

A session has a home of its own, a key file, and a person of the laboratory for a browser.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.opening import open_store
from tests.helpers import log_in
from tests.interop.leaks import disguises, find_leaks

USER = f"{shlex.quote(sys.executable)} -m mcp_vacuum.lab.user %s"
NOBODY = "true %s"
COMMAND = (sys.executable, "-m", "mcp_vacuum")
TIMEOUT = 100


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    def one_error(self, code: int) -> str:
        """Return the error text: it has to be one, clear and short, with this exit code."""
        assert self.code == code, self
        lines = self.err.splitlines()
        first = next(n for n, line in enumerate(lines) if line.startswith("error: "))
        assert [line[:7] for line in lines[first:]] in (
            ["error: "],
            ["error: ", "  fix: "],
            ["error: ", " rule: "],
            ["error: ", " rule: ", "  fix: "],
        ), self
        assert "Traceback" not in self.err, self
        assert self.out == "", self
        return "\n".join(lines[first:])


@dataclass
class Session:
    """One person's machine."""

    root: Path
    browser: str = USER
    more: dict[str, str] = field(default_factory=dict)
    """Environment variables of this session."""
    labs: list[Lab] = field(default_factory=list)
    said: list[Done] = field(default_factory=list)
    """What was printed, tokens printed on purpose left out."""

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MCP_VACUUM_", "XDG_"))}
        for name in ("NO_COLOR", "COLUMNS", "PYTHON_KEYRING_BACKEND"):
            kept.pop(name, None)
        return {
            **kept,
            "HOME": str(self.root),
            "MCP_VACUUM_HOME": str(self.home),
            "MCP_VACUUM_KEY_SOURCE": "file",
            "MCP_VACUUM_AGENT": "off",
            "BROWSER": self.browser,
            **self.more,
        }

    def start(self, *arguments: str, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
        """Start a command; `before` stands in front of it."""
        return subprocess.Popen(
            [*before, *COMMAND, *arguments],
            env=self.environment,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def finish(self, process: subprocess.Popen[str], *, prints_a_token: bool = False) -> Done:
        """Wait for the end of a command."""
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"not done after {TIMEOUT} s: {out} {err}") from None
        done = Done(process.returncode, out, err)
        self.said.append(Done(done.code, "", err) if prints_a_token else done)
        return done

    def run(self, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        """Run a command to its end."""
        on_purpose = any(word in ("token", "run") for word in arguments[:3])
        return self.finish(self.start(*arguments, before=before), prints_a_token=on_purpose)

    def ok(self, *arguments: str) -> Done:
        done = self.run(*arguments)
        assert done.code == 0, done
        return done

    def secrets(self) -> list[tuple[str, str]]:
        """(kind, value) of every secret that a laboratory issued or saw."""
        found: list[tuple[str, str]] = []
        for lab in self.labs:
            found += [("access token", value) for value in lab.issued_access_tokens]
            found += [("refresh token", value) for value in lab.issued_refresh_tokens]
            found += [("code", value) for value in lab.issued_codes]
            found += [("client secret", value) for value in lab.issued_client_secrets]
            forms = [request.form for request in lab.recorder.to("/token")]
            found += [("verifier", value) for form in forms for value in form.get("code_verifier", ())]
        return found

    def search(self) -> None:
        """Fail if a secret stands in a file under the root or in what was printed."""
        secrets = self.secrets()
        assert find_leaks(self.root, secrets) == []
        printed = "\n".join(done.out + done.err for done in self.said).encode()
        needles = ((kind, form, n) for kind, value in secrets for form, n in disguises(value.encode()))
        assert [(kind, form) for kind, form, needle in needles if needle in printed] == []


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.search()


@pytest.fixture
def lab(session: Session) -> Iterator[Lab]:
    with Lab() as lab:
        session.labs.append(lab)
        yield lab


@pytest.fixture
def url(session: Session, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server that this person is logged in to."""
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    log_in_quickly(session, lab)
    return lab.mcp_url


def log_in_quickly(session: Session, lab: Lab) -> None:
    """Log in from this process, into the vault of the session."""
    store = open_store(session.home)
    assert store is not None
    log_in(lab, store)
    store.close()
