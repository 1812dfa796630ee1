"""Every word for people, and where it goes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from mcp_vacuum.cli.ui import ReaderGone, Settings, Ui, complete_streams, duration, harmless
from mcp_vacuum.errors import UsageError, VacuumError
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.passphrase_source import Recipe

from .conftest import CommandLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminals(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Terminal]:
    """Make both streams terminals; in the test itself, because pytest changes them after each fixture."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


class TestColour:
    def test_a_terminal_gets_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, err = terminals(monkeypatch)
        ui = Ui(Settings())
        ui.error(VacuumError("x", hint="y"))

        assert "\x1b[" in err.getvalue()
        assert "\x1b[" in ui.bold("x")

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "dumb")])
    def test_the_environment_can_forbid_it(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        _, err = terminals(monkeypatch)
        monkeypatch.setenv(name, value)
        ui = Ui(Settings())
        ui.error(VacuumError("x", hint="y"))

        assert (err.getvalue(), ui.bold("x")) == ("error: x\n  fix: y\n", "x")

    def test_a_flag_can_forbid_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminals(monkeypatch)

        assert Ui(Settings(no_color=True)).bold("x") == "x"

    def test_a_pipe_never_gets_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminals(monkeypatch)
        monkeypatch.setattr(sys, "stdout", io.StringIO())

        assert Ui(Settings()).bold("x") == "x"


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "in 0 s"),
            (119, "in 119 s"),
            (120, "in 2 min"),
            (7199, "in 120 min"),
            (7200, "in 2 h"),
            (172_799, "in 48 h"),
            (172_800, "in 2 days"),
            (-30, "30 s ago"),
            (-86_400 * 10, "10 days ago"),
        ],
    )
    def test_texts(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


class TestCountingDown:
    def test_a_terminal_shows_what_is_waited_for_and_how_long_still(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, err = terminals(monkeypatch)
        with Ui(Settings()).counting_down("[a code]", 630) as show:
            show(69.6)

        assert "[a code]" in err.getvalue()
        assert "1:10 left" in err.getvalue()

    def test_a_pipe_shows_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Ui(Settings()).counting_down("a code", 630) as show:
            show(5)

        assert "".join(capsys.readouterr()) == ""


class TestTable:
    def test_columns_are_aligned_and_not_padded_at_the_end(self) -> None:
        text = Ui(Settings()).table(("A", "B"), [("long", "x"), ("s", "y")])

        assert text == "A     B\nlong  x\ns     y"


class TestProgress:
    def test_a_pipe_gets_a_line_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("mcp_vacuum.cli.pace.EVERY", 0.0)
        with Ui(Settings()).counting(["a", "b", "c"]) as done:
            done("a")

        assert capsys.readouterr().err.startswith("1 of 3 done, ")

    @pytest.mark.parametrize("settings", [Settings(quiet=True), Settings(json=True)])
    def test_nobody_gets_one_who_asked_for_quiet(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("mcp_vacuum.cli.pace.EVERY", 0.0)
        ui = Ui(settings)
        ui.progress("two")
        with ui.counting(["a", "b", "c"]) as done:
            done("a")

        assert capsys.readouterr().err == ""


class TestHostileText:
    @pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202e", "\u200b", "\x00"])
    def test_a_terminal_gets_nothing_to_obey(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        ui = Ui(Settings())
        ui.step(f"a{text}b")
        ui.note(f"a{text}b")
        ui.plain(f"a{text}b")
        ui.error(VacuumError(f"a{text}b", hint=f"a{text}b", spec=f"a{text}b"))
        ui.out(f"a{text}b")
        ui.result({"x": f"a{text}b"}, ui.facts([("x", f"a{text}b")]))
        seen = "".join(capsys.readouterr())

        assert text not in seen
        assert seen.replace("\n", "").isprintable()

    def test_our_own_styles_and_lines_stay(self) -> None:
        text = "\x1b[1mbold\x1b[0m\nplain \N{LATIN SMALL LETTER U WITH DIAERESIS}"

        assert harmless(text) == text

    def test_a_fact_is_one_line(self) -> None:
        assert Ui(Settings()).facts([("scope", "a\nstate  valid")]).count("\n") == 0

    def test_json_is_escaped_and_means_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        Ui(Settings(json=True)).result({"scope": "a\x9b\u202e\U000e0001b"}, None)
        printed = capsys.readouterr().out

        assert printed.strip().isprintable()
        assert json.loads(printed) == {"scope": "a\x9b\u202e\U000e0001b"}


class TestPassphrase:
    def cursor_is_there(self, err: Terminal) -> bool:
        return err.getvalue().count("\x1b[?25l") == err.getvalue().count("\x1b[?25h")

    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Whether nothing moved in the terminal, at each question."""
        seen: list[bool] = []

        def ask(prompt: str) -> str:
            seen.append(isinstance(sys.stderr, Terminal) and self.cursor_is_there(sys.stderr))
            return "correct horse"

        monkeypatch.setattr("mcp_vacuum.storage.passphrase_source.ask_on_terminal", ask)
        return seen

    def test_a_spinner_stops_until_it_is_answered(
        self, monkeypatch: pytest.MonkeyPatch, seen: list[bool]
    ) -> None:
        _, err = terminals(monkeypatch)
        ui = Ui(Settings())
        with ui.waiting("looking"):
            assert not self.cursor_is_there(err)
            assert ui.passphrase("Passphrase: ") == "correct horse"
            assert not self.cursor_is_there(err)

        assert (ui.passphrase("Once more: "), seen) == ("correct horse", [True, True])

    def test_the_question_of_each_command_with_a_spinner_is_seen(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, seen: list[bool]
    ) -> None:
        monkeypatch.setattr(Recipe.__init__, "__defaults__", (2**10, 8, 1))
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        open_store(ask=lambda _: "correct horse")
        terminals(monkeypatch)
        cli("doctor")
        cli("vault", "rotate-key")

        assert seen == [True] * 4


class Broken(io.StringIO):
    """A stream that nothing can be written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


class TestStreamsThatDoNotTakeIt:
    def test_a_full_one_is_the_users_trouble(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))

        with pytest.raises(UsageError, match="the result cannot be written: No space left on device"):
            Ui(Settings()).out("x")

    def test_a_reader_who_is_gone_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", Broken(BrokenPipeError()))

        with pytest.raises(ReaderGone):
            Ui(Settings()).out("x")

    def test_what_cannot_be_said_is_left_unsaid(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", Broken(OSError(28, "No space left on device")))

        Ui(Settings()).error(VacuumError("x", hint="y"))

    def test_closed_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        complete_streams()
        ui = Ui(Settings())
        ui.note("nobody hears it")

        assert (ui.can_ask, ui.confirms("Go on?"), ui.bold("x")) == (False, False, "x")
        with pytest.raises(UsageError, match="standard output is closed"):
            ui.out("x")
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()

    def test_those_that_are_there_stay(self) -> None:
        before = (sys.stdin, sys.stdout, sys.stderr)
        complete_streams()

        assert (sys.stdin, sys.stdout, sys.stderr) == before

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
    def test_python_does_not_try_again_at_its_end(self) -> None:
        """What is left in a buffer would be written once more, with a complaint and exit code 120."""
        with Path("/dev/full").open("w") as stream, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            with pytest.raises(UsageError):
                Ui(Settings()).out("x")
