"""`mcp-vacuum audit store`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_vacuum.storage.passphrase_source import Recipe

from .conftest import CommandLine

SECRET = "rt-planted-0123456789"


@pytest.fixture
def person(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of whoever runs the command."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "MCP_REMOTE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".codex").mkdir()
    file = tmp_path / ".codex" / "auth.json"
    file.write_text(json.dumps({"tokens": {"refresh_token": SECRET}}))
    file.chmod(0o600)
    return tmp_path


class TestAuditStore:
    def test_the_vault_and_other_programs(self, cli: CommandLine, url: str, person: Path) -> None:
        done = cli("audit", "store", "--json", "--fail-on", "high")

        assert done.code == 10
        assert (done.json["target"], done.json["compliant"]) == ("~/home", False)
        assert [(each["rule"], each["severity"]) for each in done.json["findings"]] == [
            ("ST-ENC-01", "high"),
            ("ST-ENC-02", "high"),
        ]
        assert SECRET not in done.out

    def test_the_vault_alone(self, cli: CommandLine, url: str, person: Path) -> None:
        (person / ".codex" / "auth.json").unlink()
        done = cli("audit", "store", "--fail-on", "medium")

        assert done.code == 10
        assert done.out.startswith("~/home\n1 high\n")
        assert "vault.key" in done.out

    def test_nothing_is_asked_of_a_server(self, cli: CommandLine, url: str, person: Path) -> None:
        before = sorted(str(path) for path in cli.home.rglob("*"))
        cli.ok("audit", "store")

        assert sorted(str(path) for path in cli.home.rglob("*")) == before

    def test_without_a_vault_none_is_made(self, cli: CommandLine, person: Path) -> None:
        (person / ".codex" / "auth.json").unlink()
        done = cli.ok("audit", "store")

        assert "nothing found" in done.out
        assert not cli.home.exists()

    def test_a_locked_vault_is_no_failure(self, cli: CommandLine, url: str, person: Path) -> None:
        cli.ok("agent", "lock")
        done = cli.ok("audit", "store", "--fail-on", "critical")

        assert "the records are sealed: the vault is locked" in " ".join(done.out.split())
        assert "--ask" not in done.out

    def test_ask_asks_for_a_passphrase_once(
        self, cli: CommandLine, url: str, person: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return "wrong"

        monkeypatch.setattr("mcp_vacuum.storage.passphrase_source.ask_on_terminal", ask)
        monkeypatch.delenv("MCP_VACUUM_KEY_SOURCE")
        with closing(sqlite3.connect(cli.home / "vault.db")) as connection:
            recipe = Recipe("00" * 16, n=2**14).text()
            header = [("key_source", "passphrase"), ("key_recipe", recipe)]
            connection.executemany("INSERT OR REPLACE INTO header VALUES (?, ?)", header)
            connection.commit()
        without, with_ask = cli.ok("audit", "store"), cli.ok("audit", "store", "--ask")

        assert "nobody was asked for it; --ask asks" in " ".join(without.out.split())
        assert "--ask" not in with_ask.out
        assert "wrong passphrase" in " ".join(with_ask.out.split())
        assert len(asked) == 1

    @pytest.mark.parametrize("form", ["sarif", "html", "text", "json"])
    def test_every_format(self, cli: CommandLine, url: str, person: Path, form: str) -> None:
        done = cli.ok("audit", "store", "--format", form)

        assert "ST-ENC-01" in done.out
        assert SECRET not in done.out
        assert str(person) not in done.out
