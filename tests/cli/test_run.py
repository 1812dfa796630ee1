"""`mcp-vacuum run`; whole sessions with it are in tests/scripts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcp_vacuum.lab import Lab

from .conftest import CommandLine

Started = list[tuple[str, list[str], dict[str, str]]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """What took the place of this program."""
    started: Started = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))
    return started


class TestRun:
    def test_the_token_is_in_the_commands_environment_only(
        self, cli: CommandLine, lab: Lab, url: str, started: Started
    ) -> None:
        done = cli.ok("run", url, "--", sys.executable, "-c", "pass", "--json")
        ((program, words, environment),) = started

        assert (program, words) == (sys.executable, [sys.executable, "-c", "pass", "--json"])
        assert environment["MCP_VACUUM_TOKEN"] == lab.issued_access_tokens[-1]
        assert "MCP_VACUUM_TOKEN" not in os.environ
        assert (done.out, done.err) == ("", "")

    def test_without_a_login_nothing_is_started(self, cli: CommandLine, started: Started) -> None:
        done = cli("run", "https://mcp.example/mcp", "--", sys.executable)

        assert (done.code, started) == (3, [])

    def test_what_the_system_cannot_run_is_said(self, cli: CommandLine, url: str, tmp_path: Path) -> None:
        script = tmp_path / "script"
        script.write_text("echo no first line\n")
        script.chmod(0o755)
        done = cli("run", url, "--", str(script))

        assert done.code == 2
        assert "script cannot be run: Exec format error" in " ".join(done.err.split())
        assert "#!/bin/sh" in done.err

    def test_an_unknown_command_is_found_before_a_refresh(
        self, cli: CommandLine, lab: Lab, url: str, started: Started
    ) -> None:
        done = cli("run", url, "--", "no-such-command-anywhere")

        assert (done.code, started, lab.recorder.requests) == (2, [], ())
