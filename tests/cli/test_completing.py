"""What a shell is offered for the word that is being typed: logins, accounts, names, else files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_vacuum.audit.scenarios import SCENARIOS
from mcp_vacuum.cli.completing import SHELLS, VARIABLE
from mcp_vacuum.lab import Lab
from mcp_vacuum.protocol.quirks import QUIRKS
from mcp_vacuum.safety.url import host_of
from mcp_vacuum.storage.opening import open_store
from tests.helpers import log_in

from .conftest import CommandLine

Offer = Callable[..., list[str]]
FILES = "file"
"""The shell is told to offer its files."""


@pytest.fixture
def offer(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """What Bash is told for the last of these words, with its type unless that is the usual one."""

    def offered(*words: str) -> list[str]:
        monkeypatch.setenv(VARIABLE, "bash_complete")
        monkeypatch.setenv("COMP_WORDS", "\n".join(("mcp-vacuum", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        done = cli.ok()
        assert done.err == ""
        lines = [line.partition(",") for line in done.out.splitlines()]
        return [value if kind == "plain" else kind for kind, _, value in lines]

    return offered


@pytest.fixture
def kept(cli: CommandLine, lab: Lab) -> str:
    """A server with two logins, one of which has an alias."""
    store = open_store()
    assert store is not None
    log_in(lab, store)
    log_in(lab, store, account="second")
    store.set_alias(lab.mcp_url, "second", "work")
    return lab.mcp_url


class TestLogins:
    @pytest.mark.parametrize(
        "command", ["accounts", "alias", "doctor", "logout", "refresh", "run", "status", "token", "tools"]
    )
    def test_aliases_and_servers_once(self, offer: Offer, kept: str, command: str) -> None:
        assert offer(command, "") == ["work", kept]

    @pytest.mark.parametrize("command", [("login",), ("grant",), ("audit", "server")])
    def test_servers_alone_where_no_alias_is_taken(
        self, offer: Offer, kept: str, command: tuple[str, ...]
    ) -> None:
        assert offer(*command, "") == [kept]

    def test_those_that_begin_so(self, offer: Offer, kept: str) -> None:
        assert offer("token", "wo") == ["work"]
        assert offer("token", "wx") == [FILES]

    def test_a_host_once_it_is_begun(self, offer: Offer, kept: str) -> None:
        host = str(host_of(kept))

        assert offer("token", host[:3]) == [host]

    def test_a_url_that_bash_took_apart(self, offer: Offer, kept: str) -> None:
        """It replaces what stands after the last colon, and nothing before."""
        scheme, host, port = kept.split(":")

        assert offer("token", scheme, ":") == [f"{host}:{port}"]
        assert offer("token", scheme, ":", "//") == [f"{host}:{port}"]
        assert offer("token", scheme, ":", host, ":", port[:1]) == [port]
        assert offer("token", scheme, ":", host, ":", port, "--account", "s") == ["second"]

    def test_what_a_shell_would_obey_is_not_offered(self, offer: Offer, lab: Lab) -> None:
        store = open_store()
        assert store is not None
        log_in(lab, store, account="$(date)")

        assert offer("token", "--account", "") == [FILES]

    def test_no_key_is_asked_for_and_nothing_is_made(self, offer: Offer, kept: str, cli: CommandLine) -> None:
        (cli.home / "vault.key").unlink()
        before = sorted(path.name for path in cli.home.rglob("*"))

        assert offer("token", "") == ["work", kept]
        assert sorted(path.name for path in cli.home.rglob("*")) == before


class TestAccounts:
    def test_of_the_login_that_is_named(self, offer: Offer, kept: str) -> None:
        assert offer("token", kept, "--account", "") == ["default", "second"]
        assert offer("token", "work", "--account", "") == ["second"]
        assert offer("token", "https://nobody.example/mcp", "--account", "") == [FILES]

    def test_of_all_before_one_is(self, offer: Offer, kept: str) -> None:
        assert offer("status", "--account", "d") == ["default"]


class TestNames:
    @pytest.mark.parametrize("command", ["login", "grant"])
    def test_quirks(self, offer: Offer, command: str) -> None:
        assert offer(command, "--quirk", "") == list(QUIRKS)

    def test_scenarios(self, offer: Offer) -> None:
        families = list(dict.fromkeys(each.family for each in SCENARIOS))
        variants = [each.name for each in SCENARIOS if each.family == "LAB-01"]

        assert offer("audit", "client", "--scenario", "") == families
        assert offer("audit", "client", "--scenario", "LAB-01/") == variants

    def test_commands_import_nothing(self, cli: CommandLine) -> None:
        words = {VARIABLE: "bash_complete", "COMP_WORDS": "mcp-vacuum audit s", "COMP_CWORD": "2"}
        program = "import sys; from mcp_vacuum.cli.main import run; run([]); print(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **words}, capture_output=True, check=True
        )
        *offered, modules = done.stdout.decode().splitlines()

        assert offered == ["plain,server", "plain,store"]
        assert "mcp_vacuum.cli.commands.audit_server" not in modules.split()


class TestFiles:
    @pytest.mark.parametrize(
        "words",
        [
            ("audit", "config", ""),
            ("audit", "config", "a.json", "b"),
            ("audit", "store", "--output", ""),
            ("audit", "server", "https://mcp.example/", "--output", "=", "a"),
            ("audit", "client", "--", "py"),
            ("grant", "--client-key", ""),
            ("run", "https://mcp.example/", "--", "py"),
        ],
    )
    def test_where_files_are_meant(self, offer: Offer, words: tuple[str, ...]) -> None:
        assert offer(*words) == [FILES]

    @pytest.mark.parametrize("words", [("token", ""), ("audit", "client", "--keep-env", "")])
    def test_where_nothing_else_is_to_be_offered(self, offer: Offer, words: tuple[str, ...]) -> None:
        assert offer(*words) == [FILES]


class TestTrouble:
    @pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(200)])
    def test_no_word_of_a_vault_that_cannot_be_read(
        self, offer: Offer, cli: CommandLine, content: bytes
    ) -> None:
        cli.home.mkdir(0o700)
        (cli.home / "vault.db").write_bytes(content)

        assert offer("token", "") == [FILES]
        assert (cli.home / "vault.db").read_bytes() == content

    def test_nor_of_a_url_that_makes_no_sense(self, offer: Offer, kept: str) -> None:
        assert offer("token", "http://[", "--account", "") == [FILES]

    @pytest.mark.parametrize("wanted", ["bash_complete", "bash_source", "tcsh_complete", "x"])
    def test_nor_of_a_script_that_asks_for_nothing(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        monkeypatch.setenv(VARIABLE, wanted)

        assert (cli.ok().out.strip(), cli.ok().err) == ("", "")

    @pytest.mark.parametrize("shell", SHELLS)
    def test_every_shell_is_told_of_files(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, shell: str
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", "mcp-vacuum audit config ")
        monkeypatch.setenv("COMP_CWORD", "" if shell == "fish" else "3")

        assert "file" in cli.ok().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_itself(cli: CommandLine, kept: str, tmp_path: Path) -> None:
    """The script, and what it makes of an answer; `compopt` only works while a line is typed."""
    own = tmp_path / "mcp-vacuum"
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mcp_vacuum "$@"\n')
    own.chmod(0o755)
    program = """
        compopt() { echo "compopt $2"; }
        eval "$(mcp-vacuum completion bash)"
        complete -p mcp-vacuum
        COMP_WORDS=(mcp-vacuum token w); COMP_CWORD=2; _mcp_vacuum_completion mcp-vacuum
        echo "${COMPREPLY[@]}"
        COMP_WORDS=(mcp-vacuum audit config ""); COMP_CWORD=3; _mcp_vacuum_completion mcp-vacuum
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", program], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    setting, reply, files = done.stdout.splitlines()
    assert "-o default" in setting
    assert (reply, files) == ("work", "compopt default")
