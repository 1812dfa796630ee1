"""Turns the run of the tests that carry `@fault(...)`, in whatever room, into `docs/reliability.md`.

`pytest --reliability=write` writes the page from what it has seen, and only if every test of a fault ended
well; `--reliability=check` compares the page with the tests that were collected. A test adds what it counted
with pytest's own `record_property("refreshes", 1)`; a time goes in as `Took`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
NOTHING = "nothing"
NOT_SHOWN = "*not shown: "
CHAPTERS = (
    "A process dies",
    "The disk",
    "The vault's file",
    "The keyring",
    "The authorization server",
    "The clock",
    "Many at once",
    "The agent",
)
INTRODUCTION = """\
# What goes wrong, and what is lost

Each row is a test that really does what it says: real processes, real files, real sockets, a real key. The
page is written by `make reliability` from such a run, and only if every test in it ended well; `make check`
compares it with the tests that there are. *Observed* is what that run counted.

After each test of [tests/reliability](../tests/reliability), its state directory, the command line and the
environment of every process that it started, and everything that was printed are searched for every secret
that its authorization server issued (plain, hexadecimal, base64), and for processes that were left behind.

*Strict* is an authorization server that ends the whole login when a rotated refresh token comes back
(RFC 9700 §4.14.2). *Grace* is one that answers it with its successor for a while, as most servers do."""
HEAD = "| Fault | How it was made | What was lost | Observed | Test |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Fault:
    """What a test does to the program."""

    chapter: str
    what: str
    made: str
    lost: str


@dataclass(frozen=True, slots=True)
class Took:
    """A measured time. It is shown, and judges nothing: the machine may be busy."""

    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds * 1000:.0f} ms" if self.seconds < 1 else f"{self.seconds:.1f} s"


@dataclass(slots=True)
class Row:
    """One line of the page: a fault, the test that does it, and what a run saw."""

    fault: Fault
    test: str
    cases: int = 0
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    seen: dict[str, object] = field(default_factory=dict)

    def take(self, report: pytest.TestReport) -> None:
        """Note one phase of one case; a test whose search afterwards fails has failed."""
        if report.failed:
            self.failed += 1
        elif report.skipped:
            self.skipped.append(_reason(report))
        elif report.when == "call":
            self.passed += 1
        self.seen.update(report.user_properties)

    @property
    def shown(self) -> bool:
        """Each case ran and passed."""
        return self.passed == self.cases and not self.failed and not self.skipped

    def line(self) -> str:
        """Return the row as Markdown. What did not run shows nothing, whatever its test promises."""
        lost = self.fault.lost
        seen = ", ".join(f"{name}: {value}" for name, value in self.seen.items())
        if not self.shown:
            lost, seen = f"{NOT_SHOWN}{self.skipped[0] if self.skipped else 'it did not run'}*", ""
        return _line(self.fault.what, self.fault.made, lost, seen, _link(self.test))


def fault(what: str, *, chapter: str, made: str, lost: str = NOTHING) -> pytest.MarkDecorator:
    """Mark a test, or one of its parameters, as the one that does `what`.

    Args:
        what: What happens to the program.
        chapter: One of `CHAPTERS`.
        made: How the test really does it.
        lost: "nothing", or exactly what, and why nobody can prevent it.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"there is no chapter {chapter!r}")
    return pytest.mark.fault(Fault(chapter, what, made, lost))


class Report:
    """The plugin."""

    def __init__(self, mode: str | None, page: Path) -> None:
        self._mode, self._page = mode, page
        self._rows: dict[tuple[Fault, str], Row] = {}
        self._of: dict[str, Row] = {}
        self._said = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find the marks; in check mode compare them with the page."""
        for item in session.items:
            if mark := item.get_closest_marker("fault"):
                test = item.nodeid.partition("[")[0]
                row = self._rows.setdefault((mark.args[0], test), Row(mark.args[0], test))
                row.cases += 1
                self._of[item.nodeid] = row
        if self._mode == "check":
            _compare(self._page, self._rows.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test of a fault went."""
        if report.nodeid in self._of:
            self._of[report.nodeid].take(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page, if nothing failed."""
        if self._mode != "write":
            return
        if exitstatus or any(row.failed for row in self._rows.values()):
            self._said = f"{self._page.name} was not written: a test failed"
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        else:
            self._page.write_text(rendered(self._rows.values()), encoding="utf-8")
            self._said = f"{self._page.name} was written"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was counted and measured."""
        rows = [row for row in self._rows.values() if row.seen]
        if rows or self._said:
            terminalreporter.section("faults: what was observed")
        for row in rows:
            seen = ", ".join(f"{name}: {value}" for name, value in row.seen.items())
            terminalreporter.line(f"{row.fault.what}: {seen}{'' if row.shown else '  (NOT PASSED)'}")
        if self._said:
            terminalreporter.line(self._said)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; see the top of this file."""
    group = parser.getgroup("reliability")
    group.addoption("--reliability", choices=("write", "check"), help="docs/reliability.md from this run")
    group.addoption(
        "--reliability-page", type=Path, default=PAGE, help="another page than docs/reliability.md"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark and the plugin."""
    config.addinivalue_line(
        "markers", "fault(...): a row of docs/reliability.md; tests/reliability/report.py"
    )
    report = Report(config.getoption("--reliability"), config.getoption("--reliability-page"))
    config.pluginmanager.register(report, "reliability")


def rendered(rows: Iterable[Row]) -> str:
    """Return the whole page; the same run gives the same bytes."""
    parts = [INTRODUCTION]
    every = list(rows)
    shown = sum(row.shown for row in every)
    parts.append(f"{len(every)} faults; {shown} of them were made in this run.")
    for chapter in CHAPTERS:
        lines = [row.line() for row in every if row.fault.chapter == chapter]
        if lines:
            parts.append("\n".join([f"## {chapter}\n", HEAD, *lines]))
    return "\n\n".join(parts) + "\n"


def _compare(page: Path, rows: Iterable[Row]) -> None:
    """Fail if the page has other rows than the tests say, or claims for one what its test does not."""
    written = {tuple(cells) for cells in _cells(page)}
    promised, open_ = set(), set()
    for row in rows:
        what, made, lost, _, test = _split(_line(*_texts(row.fault), "", _link(row.test)))
        promised.add((what, made, lost, test))
        open_.add((what, made, test))
    found = {(what, made, lost, test) for what, made, lost, _, test in written}
    excused = {cells for cells in found if cells[2].startswith(NOT_SHOWN) and (*cells[:2], cells[3]) in open_}
    stale = found - promised - excused
    covered = {(*cells[:2], cells[3]) for cells in found}
    missing = {cells for cells in promised if (*cells[:2], cells[3]) not in covered}
    if stale or missing:
        told = [f"not in the tests: {cells}" for cells in sorted(stale)]
        told += [f"not in the page: {cells}" for cells in sorted(missing)]
        raise pytest.UsageError(f"{page.name} is stale, run make reliability\n" + "\n".join(told))


def _cells(page: Path) -> list[Sequence[str]]:
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    lines = [line for line in text.splitlines() if line.startswith("| ") and "](../" in line]
    return [_split(line) for line in lines]


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _texts(fault: Fault) -> tuple[str, str, str]:
    return fault.what, fault.made, fault.lost


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[`{name.rpartition('::')[2]}`](../{path})"


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
