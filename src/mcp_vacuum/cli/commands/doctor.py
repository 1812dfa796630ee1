"""`mcp-vacuum doctor`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterator
from itertools import groupby

import click

from mcp_vacuum.cli.completing import logins
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.doctor.examine import examine
from mcp_vacuum.doctor.finding import Finding, Report, Section

EXAMPLE = "mcp-vacuum doctor\nmcp-vacuum doctor https://mcp.example.com/mcp"
MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "skipped": "-"}
FIX = "fix: "
SKIPPED = "skipped"
"""The name of a line for several checks that were skipped for one reason."""
WIDEST = 100

Paint = Callable[[str], str]


@command(EXAMPLE)
@click.argument("url", required=False, shell_complete=logins)
def doctor(ui: Ui, url: str | None) -> None:
    """Find out what is wrong, here and on the way to a server, and what to type.

    No login is changed, and no secret is shown: the output is safe to paste in public. If the vault's key is
    a passphrase, it is asked for.
    """
    with ui.waiting("looking"):
        report = examine(url, ask=ui.passphrase)
    ui.result(report.as_json(), as_text(ui, report))
    click.get_current_context().exit(report.exit_status)


def as_text(ui: Ui, report: Report, width: int | None = None) -> str:
    """Lay a report out for a person: what needs nothing in a line, what needs something with its fix."""
    columns = min(width or shutil.get_terminal_size().columns, WIDEST)
    names = max(len(name) for name in (SKIPPED, *(finding.name for finding in report.findings)))
    sections = (_section(ui, each, names, columns) for each in report.sections)
    return "\n\n".join([*sections, _summary(ui, report)])


def _section(ui: Ui, section: Section, names: int, columns: int) -> str:
    lines = [ui.bold(section.title)]
    for _, together in groupby(section.findings, _reason_to_skip):
        lines += [
            line for finding in _merged(list(together)) for line in _finding(ui, finding, names, columns)
        ]
    return "\n".join(lines)


def _reason_to_skip(finding: Finding) -> str | None:
    return finding.what if finding.verdict == "skipped" else None


def _merged(findings: list[Finding]) -> list[Finding]:
    """Make one line of checks that were skipped for one reason."""
    if len(findings) == 1 or findings[0].verdict != "skipped":
        return findings
    names = ", ".join(_words(each.name) for each in findings)
    return [Finding(SKIPPED, "skipped", f"{names}: {findings[0].what}")]


def _finding(ui: Ui, finding: Finding, names: int, columns: int) -> Iterator[str]:
    paint, name_paint, text_paint = _paints(ui, finding)
    margin = " " * (len("  ✓ ") + names + 2)
    width = columns - len(margin)
    head = f"  {paint(MARKS[finding.verdict])} {name_paint(_words(finding.name).ljust(names))}  "
    what = [text_paint(line) for line in _wrapped(finding.what, width)]
    why = [ui.dim(line) for line in _wrapped(finding.why, width)]
    fix = _wrapped(finding.fix, width - len(FIX))
    fixes = [(ui.bold(FIX) if number == 0 else " " * len(FIX)) + line for number, line in enumerate(fix)]
    for number, line in enumerate([*what, *why, *fixes]):
        yield (margin if number else head) + line


def _paints(ui: Ui, finding: Finding) -> tuple[Paint, Paint, Paint]:
    """Colour what a person has to look at, and nothing else."""
    if finding.verdict == "ok":
        return ui.good, ui.dim, str
    if finding.verdict == "skipped":
        return ui.dim, ui.dim, ui.dim
    return ui.bad, ui.bold, str


def _words(name: str) -> str:
    return name.replace("-", " ")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 30), break_long_words=False, break_on_hyphens=False)


def _summary(ui: Ui, report: Report) -> str:
    failed = [_words(finding.name) for finding in report.findings if finding.verdict == "fail"]
    warned = [_words(finding.name) for finding in report.findings if finding.verdict == "warn"]
    verdict = ui.bad(f"fails: {', '.join(dict.fromkeys(failed))}") if failed else ui.good("nothing fails")
    return verdict + (f"; worth a look: {', '.join(dict.fromkeys(warned))}" if warned else "")
