"""Every word for people, and where it goes.

Results go to stdout, everything else to stderr. A terminal gets colour and a spinner; a pipe gets plain
lines. `--json` puts one object on stdout and errors as one object on stderr. Sentences begin in lower
case and end without a full stop; text from servers is made printable before it comes here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from mcp_vacuum.errors import VacuumError

_GREEN, _RED, _YELLOW, _DIM, _BOLD, _RESET = (
    "\x1b[32m",
    "\x1b[1;31m",
    "\x1b[33m",
    "\x1b[2m",
    "\x1b[1m",
    "\x1b[0m",
)


class ReaderGone(Exception):
    """Nobody reads the results any more. Not an OSError: click would make exit code 1 of it."""


@dataclass(slots=True)
class Settings:
    """The global flags, wherever on the line they stood."""

    json: bool = False
    verbose: int = 0
    quiet: bool = False
    no_color: bool = False


class Ui:
    """Says things, in the way that the settings and the streams call for."""

    def __init__(self, settings: Settings) -> None:
        """Look at the streams once."""
        self.settings = settings
        self._color = (
            not settings.no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )

    # --- stderr: what is going on ---------------------------------------------------------------------

    def step(self, text: str) -> None:
        """Tell a step that is done."""
        if not self.settings.quiet and not self.settings.json:
            self._err(f"{self._paint('✓', _GREEN, sys.stderr)} {text}")

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        if not self.settings.quiet:
            self._err(f"{self._paint('note:', _YELLOW, sys.stderr)} {text}")

    def plain(self, text: str) -> None:
        """Say something that must be seen even with --quiet, such as a URL to open."""
        self._err(text)

    def gap(self) -> None:
        """Part what was going on from the result, where both are in one terminal."""
        if not self.settings.quiet and not self.settings.json and sys.stderr.isatty() and sys.stdout.isatty():
            self._err("")

    def detail(self, text: str) -> None:
        """Say something for -v."""
        if self.settings.verbose:
            self._err(self._paint(text, _DIM, sys.stderr))

    def loud(self, text: str) -> str:
        """Make a word on stderr stand out."""
        return self._paint(text, _BOLD, sys.stderr)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something is being waited for: a spinner in a terminal, nothing in a pipe."""
        if self.settings.quiet or self.settings.json or not sys.stderr.isatty() or not self._color:
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(text, spinner="dots"):
            yield

    def error(self, error: VacuumError) -> None:
        """Say what happened, in three short lines at most, or as JSON."""
        if self.settings.json:
            members = {
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "spec": error.spec,
                "url": error.url,
            }
            self._err(json.dumps({"error": members}))
            return
        self._err(f"{self._paint('error:', _RED, sys.stderr)} {error.message}")
        if error.spec:
            self._err(f"{self._paint(' rule:', _DIM, sys.stderr)} {error.spec}")
        if error.hint:
            self._err(f"{self._paint('  fix:', _BOLD, sys.stderr)} {error.hint}")

    # --- stdout: what was asked for -------------------------------------------------------------------

    def result(self, members: Mapping[str, Any], text: str | None) -> None:
        """Print the result: the object with --json, else `text` (nothing if None)."""
        if self.settings.json:
            self.out(json.dumps(members, ensure_ascii=False))
        elif text is not None:
            self.out(text)

    def out(self, text: str) -> None:
        """Print one piece of result."""
        try:
            print(text, file=sys.stdout, flush=True)  # noqa: T201 - the one place that prints results
        except BrokenPipeError:
            raise ReaderGone from None

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Lay rows out in columns; headings are bold in a terminal."""
        widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
        lines = [self._columns(row, widths) for row in rows]
        return "\n".join([self._paint(self._columns(headings, widths), _BOLD, sys.stdout), *lines])

    def facts(self, facts: Sequence[tuple[str, str]]) -> str:
        """Lay named facts out in two columns."""
        width = max(len(name) for name, _ in facts)
        return "\n".join(
            f"{self._paint(name.rjust(width), _DIM, sys.stdout)}  {value}" for name, value in facts
        )

    def good(self, text: str) -> str:
        """Colour a word of success."""
        return self._paint(text, _GREEN, sys.stdout)

    def bad(self, text: str) -> str:
        """Colour a word of trouble."""
        return self._paint(text, _YELLOW, sys.stdout)

    def bold(self, text: str) -> str:
        """Make a heading."""
        return self._paint(text, _BOLD, sys.stdout)

    def dim(self, text: str) -> str:
        """Make a remark."""
        return self._paint(text, _DIM, sys.stdout)

    @staticmethod
    def _columns(row: Sequence[str], widths: Sequence[int]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    def _paint(self, text: str, style: str, stream: TextIO) -> str:
        return f"{style}{text}{_RESET}" if self._color and stream.isatty() else text

    @staticmethod
    def _err(text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that talks to people


def duration(seconds: float) -> str:
    """Say how long, roughly: ``in 59 min``, ``12 s ago``."""
    size = abs(seconds)
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if size < limit:
            text = f"{size / length:.0f} {unit}"
            break
    else:
        text = f"{size / 86400:.0f} days"
    return f"in {text}" if seconds >= 0 else f"{text} ago"
