"""Every word for people, and where it goes."""

from __future__ import annotations

import io
import sys

import pytest

from mcp_vacuum.cli.ui import Settings, Ui, duration
from mcp_vacuum.errors import VacuumError


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


class TestTable:
    def test_columns_are_aligned_and_not_padded_at_the_end(self) -> None:
        text = Ui(Settings()).table(("A", "B"), [("long", "x"), ("s", "y")])

        assert text == "A     B\nlong  x\ns     y"
