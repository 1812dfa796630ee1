"""`mcp-vacuum audit config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import CommandLine

SECRET = "kZ0wq3Xn7Vb1Tt5Lr9Pd"
BAD = {
    "mcpServers": {"s": {"url": "https://mcp.example/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}}}
}
GOOD = {"mcpServers": {"s": {"url": "https://mcp.example/mcp"}}}


@pytest.fixture
def files(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a good file and a bad one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    (tmp_path / "bad.json").write_text(json.dumps(BAD, indent=2))
    (tmp_path / "bad.json").chmod(0o600)
    return tmp_path


class TestAuditConfig:
    def test_a_good_file(self, cli: CommandLine, files: Path) -> None:
        done = cli.ok("audit", "config", "good.json", "--fail-on", "info")

        assert done.out.startswith("good.json\nnothing found")

    def test_a_bad_file_with_its_line(self, cli: CommandLine, files: Path) -> None:
        done = cli("audit", "config", "bad.json", "--fail-on", "high")

        assert done.code == 10
        assert "mcpServers.s.headers.Authorization (line 6)" in done.out
        assert SECRET not in done.out

    def test_several_files_in_one_report(self, cli: CommandLine, files: Path) -> None:
        done = cli("audit", "config", "good.json", "bad.json", "--json")

        assert [(each["target"], each["compliant"]) for each in done.json["targets"]] == [
            ("good.json", True),
            ("bad.json", False),
        ]

    def test_a_file_that_is_malformed_does_not_hide_the_others(self, cli: CommandLine, files: Path) -> None:
        (files / "broken.json").write_text('{\n  "mcpServers": {\n    oops\n')
        done = cli("audit", "config", "broken.json", "bad.json")

        assert done.code == 2
        assert "ST-ENC-01" in done.out
        assert "broken.json, line 3" in done.err

    def test_a_file_that_names_no_server_is_no_pass(self, cli: CommandLine, files: Path) -> None:
        (files / "typo.json").write_text(json.dumps({"mcpServer": BAD["mcpServers"]}))
        alone = cli("audit", "config", "typo.json", "--fail-on", "low", "--json")
        beside = cli("audit", "config", "typo.json", "good.json")

        assert (alone.code, alone.out) == (2, "")
        assert "names no MCP server and no OAuth client" in alone.error["message"]
        assert beside.code == 2
        assert "1 could not be examined" in beside.out

    def test_a_file_that_is_not_there(self, cli: CommandLine, files: Path) -> None:
        done = cli("audit", "config", "nothing.json", "--json")

        assert (done.code, done.out) == (2, "")
        assert "cannot be read" in done.error["message"]

    def test_no_file_is_a_usage_error(self, cli: CommandLine) -> None:
        assert cli("audit", "config").code == 2

    @pytest.mark.parametrize("form", ["sarif", "html", "text", "json"])
    def test_every_format(self, cli: CommandLine, files: Path, form: str) -> None:
        done = cli.ok("audit", "config", "bad.json", "--format", form)

        assert "ST-ENC-01" in done.out
        assert SECRET not in done.out

    def test_nothing_is_started(self, cli: CommandLine, files: Path) -> None:
        command = {"mcpServers": {"s": {"command": "sh", "args": ["-c", "touch started"]}}}
        (files / "run.json").write_text(json.dumps(command))
        cli.ok("audit", "config", "run.json")

        assert not (files / "started").exists()
