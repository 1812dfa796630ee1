"""Every word for people, and where it goes.

Results go to stdout, everything else to stderr. A terminal gets colour and a spinner; a pipe gets plain
lines. `--json` puts one object on stdout and errors as one object on stderr. Sentences begin in lower
case and end without a full stop. Whatever a text holds, a terminal obeys our own styles alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mcp_vacuum.errors import UsageError, VacuumError
from mcp_vacuum.safety.url import printable

if TYPE_CHECKING:
    from rich.status import Status

_GREEN, _RED, _YELLOW, _DIM, _BOLD, _RESET = (
    "\x1b[32m",
    "\x1b[1;31m",
    "\x1b[33m",
    "\x1b[2m",
    "\x1b[1m",
    "\x1b[0m",
)


_REPORT = {
    "critical": _RED,
    "high": _RED,
    "medium": _YELLOW,
    "low": _BOLD,
    "info": _DIM,
    "good": _GREEN,
    "heading": _BOLD,
    "remark": _DIM,
}
_STYLE = re.compile("|".join(map(re.escape, (_GREEN, _RED, _YELLOW, _DIM, _BOLD, _RESET))))
_LONGEST = 2000


def harmless(text: str) -> str:
    """Return `text` with our own styles, line breaks and tabs, and nothing else that a terminal obeys."""
    if text.replace("\n", "").isprintable():
        return text
    between, styles = _STYLE.split(text), [*_STYLE.findall(text), ""]
    return "".join(_visible(part) + style for part, style in zip(between, styles, strict=True))


def _visible(text: str) -> str:
    return "".join(
        char if char in "\n\t" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02} left"


def _one_line(text: str) -> str:
    return printable(text, _LONGEST)


def _flat(text: str) -> str:
    """One line, our own styles kept."""
    return harmless(text).replace("\n", "\N{REPLACEMENT CHARACTER}")


def _escaped(document: str) -> str:
    """Escape in JSON what it allows as it is and a terminal may obey: C1 controls, bidirectional marks."""
    if document.isprintable():
        return document
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in document)


_PLAIN = str.maketrans("§…✓·—→≥≤“”", "#~+--" + '>><""')


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
        self._spinner: Status | None = None
        self._color = (
            not settings.no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )

    # --- stderr: what is going on ---------------------------------------------------------------------

    def step(self, text: str) -> None:
        """Tell a step that is done."""
        if not self.settings.quiet and not self.settings.json:
            self._err(f"{self._paint('✓', _GREEN, sys.stderr)} {_one_line(text)}")

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        if not self.settings.quiet:
            self._err(f"{self._paint('note:', _YELLOW, sys.stderr)} {_one_line(text)}")

    def progress(self, text: str) -> None:
        """Say how far something is."""
        if not self.settings.quiet and not self.settings.json:
            self._err(self._paint(_one_line(text), _DIM, sys.stderr))

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
        if not self._lively:
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(text, spinner="dots") as self._spinner:
            try:
                yield
            finally:
                self._spinner = None

    @contextmanager
    def counting(self, targets: Sequence[str]) -> Iterator[Callable[[str], None]]:
        """Show how many of `targets` are done: a bar in a terminal, a spinner for one, else a line at times.

        Yields:
            What to call with a target that is done.
        """
        if not self._lively:
            from mcp_vacuum.cli.pace import Pace

            yield Pace(len(targets), self.progress).done
            return
        if len(targets) == 1:
            with self.waiting(f"looking at {printable(targets[0])}"):
                yield lambda target: None
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[last]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=len(targets), last="")
            yield lambda target: bar.update(task, advance=1, last=escape(printable(target)))

    @contextmanager
    def counting_down(self, what: str, seconds: float) -> Iterator[Callable[[float], None]]:
        """Show how long something is waited for still: a bar in a terminal, nothing in a pipe.

        Yields:
            What to call with the seconds that are left.
        """
        if not self._lively:
            yield lambda left: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(printable(what), total=seconds, left=_minutes(seconds))
            yield lambda left: bar.update(task, completed=seconds - left, left=_minutes(left))

    @property
    def _lively(self) -> bool:
        """Whether something that moves has a place: a terminal that can, and nobody who asked for quiet."""
        return not self.settings.quiet and not self.settings.json and sys.stderr.isatty() and self._color

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
        self._err(f"{self._paint('error:', _RED, sys.stderr)} {_one_line(error.message)}")
        if error.spec:
            self._err(f"{self._paint(' rule:', _DIM, sys.stderr)} {_one_line(error.spec)}")
        if error.hint:
            self._err(f"{self._paint('  fix:', _BOLD, sys.stderr)} {_one_line(error.hint)}")

    def passphrase(self, prompt: str) -> str:
        """Ask for a passphrase on the terminal, an `Ask`; a spinner stops until it is answered.

        Raises:
            KeyUnavailable: There is no terminal.
        """
        from mcp_vacuum.storage.passphrase_source import ask_on_terminal

        spinner = self._spinner
        if spinner is None:
            return ask_on_terminal(prompt)
        spinner.stop()
        try:
            return ask_on_terminal(prompt)
        finally:
            spinner.start()

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there who could answer: a terminal on both sides."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirms(self, question: str) -> bool:
        """Ask a question whose answer is yes or no, and no if there is none."""
        self._err(f"{question} [y/N]")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    # --- stdout: what was asked for -------------------------------------------------------------------

    def result(self, members: Mapping[str, Any], text: str | None) -> None:
        """Print the result: the object with --json, else `text` (nothing if None)."""
        if self.settings.json:
            self.out(_escaped(json.dumps(members, ensure_ascii=False)))
        elif text is not None:
            self.out(text)

    def out(self, text: str) -> None:
        """Print one piece of result.

        Raises:
            ReaderGone: Nobody reads it any more.
            UsageError: It cannot be written where it was sent: a full disk, a closed standard output.
        """
        try:
            shown = fitting(harmless(text), sys.stdout)
            print(shown, file=sys.stdout, flush=True)  # noqa: T201 - the one place that prints results
        except OSError as caught:
            _let_go(sys.stdout)
            if isinstance(caught, BrokenPipeError):
                raise ReaderGone from None
            why = caught.strerror or "standard output is closed"
            raise UsageError(f"the result cannot be written: {why}") from None

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Lay rows out in columns; headings are bold in a terminal."""
        widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
        lines = [self._columns(row, widths) for row in rows]
        return "\n".join([self._paint(self._columns(headings, widths), _BOLD, sys.stdout), *lines])

    def facts(self, facts: Sequence[tuple[str, str]]) -> str:
        """Lay named facts out in two columns."""
        width = max(len(name) for name, _ in facts)
        return "\n".join(
            f"{self._paint(name.rjust(width), _DIM, sys.stdout)}  {_flat(value)}" for name, value in facts
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

    def paint(self, text: str, what: str) -> str:
        """Colour a piece of an audit's report by what it is: a severity, or a part of the page."""
        return self._paint(text, _REPORT.get(what, ""), sys.stdout)

    def dim(self, text: str) -> str:
        """Make a remark."""
        return self._paint(text, _DIM, sys.stdout)

    @staticmethod
    def _columns(row: Sequence[str], widths: Sequence[int]) -> str:
        return "  ".join(_flat(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    def _paint(self, text: str, style: str, stream: TextIO) -> str:
        return f"{style}{text}{_RESET}" if self._color and stream.isatty() else text

    @staticmethod
    def _err(text: str) -> None:
        try:
            shown = fitting(harmless(text), sys.stderr)
            print(shown, file=sys.stderr, flush=True)  # noqa: T201 - the one place that talks to people
        except OSError:  # there is no other place to say so
            _let_go(sys.stderr)


def complete_streams() -> None:
    """Replace the standard streams that the process was started without; Python has None for them."""
    nothing = Path(os.devnull)
    if sys.stdin is None:
        sys.stdin = nothing.open()
    if sys.stdout is None:
        sys.stdout = nothing.open()  # for reading: a result that goes nowhere is an error
    if sys.stderr is None:
        sys.stderr = nothing.open("w")


def _let_go(stream: TextIO) -> None:
    """Send what a stream could not write nowhere: at its end Python would try again, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fitting(text: str, stream: TextIO) -> str:
    """Return what a stream of few letters can carry, as wide; anything else would be a traceback."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


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
