"""The table of commands, the global flags, and errors as exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mcp_vacuum import errors
from mcp_vacuum._version import __version__
from mcp_vacuum.cli.main import COMMANDS, group
from mcp_vacuum.lab import Lab

from .conftest import CommandLine

UNKNOWN = "https://mcp.example/mcp"


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_an_example(self, cli: CommandLine, name: str) -> None:
        done = cli.ok(name, "--help")

        assert (
            f"Example:\n  mcp-vacuum {name}" in done.out
            or f"mcp-vacuum {name}" in done.out.split("Example:")[1]
        )

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_takes_the_global_flags(self, cli: CommandLine, name: str) -> None:
        out = cli.ok(name, "-h").out

        assert all(flag in out for flag in ("--json", "--verbose", "--quiet", "--no-color"))

    def test_the_group_lists_commands_and_exit_codes(self, cli: CommandLine) -> None:
        out = cli.ok("--help").out

        assert "Example:" in out
        assert all(re.search(rf"\n +{name} +\S", out) for name in COMMANDS)
        assert all(re.search(rf"\n +{code} +\S", out) for code in (0, 1, 2, 3, 4, 5, 6, 7, 130))

    def test_nothing_at_all_shows_the_help(self, cli: CommandLine) -> None:
        done = cli()

        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("Usage: mcp-vacuum")

    def test_version(self, cli: CommandLine) -> None:
        assert cli.ok("--version").out == f"mcp-vacuum, version {__version__}\n"

    def test_the_table_and_the_commands_agree(self) -> None:
        context = click.Context(group)
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name


class TestGlobalFlags:
    @pytest.mark.parametrize(
        "arguments",
        [("--json", "token", UNKNOWN), ("token", "--json", UNKNOWN), ("token", UNKNOWN, "--json")],
    )
    def test_json_before_and_after(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        assert cli(*arguments).error["code"] == "login_required"

    @pytest.mark.parametrize("arguments", [("-q", "login"), ("login", "-q"), ("--quiet", "login")])
    def test_quiet_before_and_after(self, cli: CommandLine, lab: Lab, arguments: tuple[str, ...]) -> None:
        assert cli.ok(*arguments, lab.mcp_url).err == ""

    @pytest.mark.parametrize("arguments", [("-vv", "token"), ("token", "-vv"), ("token", "-v", "-v")])
    def test_a_traceback_with_vv_only(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        assert "Traceback" in cli(*arguments, UNKNOWN).err
        assert "Traceback" not in cli("token", "-v", UNKNOWN).err

    def test_json_of_a_command_to_run_is_its_own(self, cli: CommandLine) -> None:
        done = cli("run", UNKNOWN, "--", "true", "--json")

        assert done.code == 3
        assert done.err.startswith("error: login required")


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("no-such-command",),
            ("--no-such-option",),
            ("token",),
            ("token", "a", "b"),
            ("token", "ftp://x.example/"),
            ("login", "x.example"),
            ("run", UNKNOWN),
            ("completion",),
        ],
    )
    def test_exit_2_with_one_short_error(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        done = cli(*arguments)

        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("error: ")
        assert len(done.err.splitlines()) <= 3

    def test_as_json(self, cli: CommandLine) -> None:
        done = cli("token", "--json")

        assert (done.code, done.error["code"]) == (2, "usage")
        assert done.error["hint"] == "mcp-vacuum token --help"

    @pytest.mark.parametrize(
        ("typed", "meant", "help_of"),
        [
            (("lgoin", UNKNOWN), "Did you mean 'login'?", "mcp-vacuum"),
            (("tokn",), "Did you mean 'token'?", "mcp-vacuum"),
            (("audit", "servr"), "Did you mean 'server'?", "mcp-vacuum audit"),
            (("agent", "stat"), "Did you mean 'start' or 'status'?", "mcp-vacuum agent"),
            (("token", UNKNOWN, "--acount", "x"), "--account", "mcp-vacuum token"),
        ],
    )
    def test_a_slip_is_told_what_may_be_meant(
        self, cli: CommandLine, typed: tuple[str, ...], meant: str, help_of: str
    ) -> None:
        done = cli(*typed)

        assert (done.code, meant in done.err) == (2, True)
        assert f"fix: {help_of} --help" in done.err

    def test_what_is_no_slip_is_not(self, cli: CommandLine) -> None:
        assert cli("xyzzy").err == "error: No such command 'xyzzy'\n  fix: mcp-vacuum --help\n"
        assert "No such option" in cli("--xyzzy").err

    @pytest.mark.parametrize(
        "arguments",
        [
            ("token", "\udcff"),
            ("login", UNKNOWN, "--account", "\udcff"),
            ("login", UNKNOWN, "--scope", "\udcff"),
        ],
    )
    def test_what_is_no_text_is_no_bug(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        done = cli(*arguments)

        assert (done.code, "it is no text in UTF-8" in done.err) == (2, True)
        assert not cli.home.exists()

    def test_the_name_of_a_file_may_be_anything(self, cli: CommandLine) -> None:
        assert "cannot be read" in cli("audit", "config", "no-such-\udcff").err

    def test_an_option_without_its_value_names_its_command(self, cli: CommandLine) -> None:
        done = cli("login", UNKNOWN, "--scope")

        assert (done.code, "fix: mcp-vacuum login --help" in done.err) == (2, True)

    def test_a_url_without_a_scheme_is_guessed_in_the_hint(self, cli: CommandLine) -> None:
        assert "did you mean https://mcp.example.com/mcp" in cli("login", "mcp.example.com/mcp").err


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.VacuumError("x"), 1),
            (errors.UsageError("x"), 2),
            (errors.LoginRequired("s", "x"), 3),
            (errors.LoginDeclined("x"), 3),
            (errors.SecurityRefused("x"), 4),
            (errors.WrongAudience("x"), 4),
            (errors.ServerUnavailable("x"), 5),
            (errors.AnswerLost("x"), 5),
            (errors.StorageError("x"), 6),
            (errors.KeyUnavailable("x"), 6),
            (errors.RecordDamaged("x"), 6),
            (errors.AuthenticationError("x"), 7),
            (errors.RegistrationError("x"), 7),
            (errors.OAuthError("x", error="e"), 7),
            (errors.DiscoveryError("x"), 7),
            (KeyboardInterrupt(), 130),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_exit_codes(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("mcp_vacuum.cli.commands.token.token_source", fail)

        assert cli("token", UNKNOWN).code == code

    def test_a_bug_is_exit_1_without_its_text(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("at-secret-that-nobody-checked")

        monkeypatch.setattr("mcp_vacuum.cli.commands.token.token_source", fail)
        done = cli("token", UNKNOWN)

        assert done.code == 1
        assert "unexpected RuntimeError at" in done.err
        assert "report" in done.err
        assert "at-secret" not in done.err

    def test_rule_and_fix_are_lines_of_their_own(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise errors.SecurityRefused("it is so", hint="do this", spec="RFC 1")

        monkeypatch.setattr("mcp_vacuum.cli.commands.token.token_source", fail)

        assert cli("token", UNKNOWN).err == "error: it is so\n rule: RFC 1\n  fix: do this\n"


@pytest.mark.skipif(sys.platform == "win32", reason="shells and devices are POSIX")
class TestStreams:
    """Processes of their own: Python itself has a word to say about its streams at its end."""

    def run(self, arguments: str, **environment: str) -> tuple[int, str]:
        """Return exit code and stderr of a command of `sh`, its stdout being a pipe unless it says so."""
        command = f'exec "{sys.executable}" -m mcp_vacuum {arguments}'
        done = subprocess.run(
            ["sh", "-c", command], env={**os.environ, **environment}, capture_output=True, check=False
        )
        return done.returncode, done.stderr.decode()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
    @pytest.mark.parametrize("arguments", ["list", "--help", "token --help", "--version"])
    def test_a_full_disk(self, cli: CommandLine, arguments: str) -> None:
        said = "error: the result cannot be written: No space left on device\n"

        assert self.run(f"{arguments} >/dev/full") == (2, said)

    @pytest.mark.parametrize("arguments", ["list", "--help"])
    def test_a_closed_stdout(self, cli: CommandLine, arguments: str) -> None:
        said = "error: the result cannot be written: standard output is closed\n"

        assert self.run(f"{arguments} >&-") == (2, said)

    @pytest.mark.parametrize("streams", ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
    def test_the_others_closed(self, cli: CommandLine, streams: str) -> None:
        assert self.run(f"token {UNKNOWN} {streams}") == (3, "")

    def test_help_in_few_letters(self, cli: CommandLine) -> None:
        assert self.run("token --help", PYTHONIOENCODING="latin-1") == (0, "")


def test_a_home_that_cannot_even_be_looked_for_is_no_bug(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_VACUUM_HOME", f"/{'x' * 300}")
    monkeypatch.setenv("MCP_VACUUM_AGENT", "auto")
    done = cli("token", UNKNOWN)

    assert done.code == 6
    assert "cannot be seen: File name too long" in done.err
