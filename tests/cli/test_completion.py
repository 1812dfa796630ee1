"""`mcp-vacuum completion`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import CommandLine


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_script_for_each_shell(self, cli: CommandLine, shell: str) -> None:
        out = cli.ok("completion", shell).out

        assert f"_MCP_VACUUM_COMPLETE={shell}_complete" in out
        assert "mcp-vacuum" in out

    def test_another_shell_is_a_usage_error(self, cli: CommandLine) -> None:
        assert cli("completion", "tcsh").code == 2

    def test_commands_and_options_are_completed(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("_MCP_VACUUM_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", "mcp-vacuum lo")
        monkeypatch.setenv("COMP_CWORD", "1")
        assert cli.ok().out.split() == ["plain,login", "plain,logout"]
        monkeypatch.setenv("COMP_WORDS", "mcp-vacuum token --he")
        monkeypatch.setenv("COMP_CWORD", "2")
        assert cli.ok().out.split() == ["plain,--header", "plain,--help"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_shell_accepts_it(self, cli: CommandLine, shell: str, tmp_path: Path) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"there is no {shell} here")
        script = tmp_path / "script"
        script.write_text(cli.ok("completion", shell).out)
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
