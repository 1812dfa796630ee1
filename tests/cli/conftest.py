"""The command line in this process, with a home of its own and a person of the laboratory for a browser."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.cli.main import run
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        assert self.out.count("\n") == 1
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The one error object on stderr."""
        document: dict[str, Any] = json.loads(self.err)
        assert list(document) == ["error"]
        members: dict[str, Any] = document["error"]
        return members


class CommandLine:
    """Each call begins without an access token in memory, as a new process does."""

    def __init__(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._capsys = capsys
        self.home = home
        self.user = User()
        self.visited: list[str] = []

    def __call__(self, *arguments: str) -> Done:
        ACCESS_TOKENS._held.clear()
        self._capsys.readouterr()
        try:
            code = run(list(arguments))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def ok(self, *arguments: str) -> Done:
        done = self(*arguments)
        assert done.code == 0, done
        return done

    def visit(self, url: str) -> bool:
        """The browser."""
        self.visited.append(url)
        self.user.visit(url)
        return True

    @property
    def store(self) -> CredentialStore:
        opened = open_store(create=False)
        assert opened is not None
        return opened


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    for name in [name for name in os.environ if name.startswith("MCP_VACUUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    monkeypatch.setenv("MCP_VACUUM_AGENT", "off")
    cli = CommandLine(capsys, tmp_path / "home")
    monkeypatch.setattr("mcp_vacuum.cli.commands.login.open_browser", cli.visit)
    yield cli
    ACCESS_TOKENS._held.clear()


@pytest.fixture
def url(cli: CommandLine, lab: Lab) -> str:
    """A server that this person is logged in to."""
    cli.ok("login", lab.mcp_url)
    lab.recorder.clear()
    return lab.mcp_url
