"""What the audits share: --format, --output, --fail-on, and how an audit ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import anyio
import click

from mcp_vacuum.audit.formats import html as html_format
from mcp_vacuum.audit.formats import json as json_format
from mcp_vacuum.audit.formats import sarif as sarif_format
from mcp_vacuum.audit.formats import text as text_format
from mcp_vacuum.audit.report import SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.audit.several import Audit, each_of
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError, VacuumError

if TYPE_CHECKING:
    from mcp_vacuum.audit.evidence.active_session import Waiting

FINDINGS = 10
"""Exit code: findings reach --fail-on, and every target was examined."""

FORMATS = ("text", "json", "sarif", "html")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags of an audit ask for.

    Attributes:
        format: One of `FORMATS`.
        output: Where the report goes; None for stdout.
        fail_on: The severity from which findings end with `FINDINGS`; None for never.
    """

    format: str
    output: Path | None = None
    fail_on: Severity | None = None


def report_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the flags; the command gets them as `wanted`."""

    @wraps(function)
    def run(ui: Ui, report_format: str | None, output: str | None, fail_on: str | None, **values: Any) -> int:
        chosen = report_format or ("json" if ui.settings.json else "text")
        if ui.settings.json and chosen != "json":
            raise UsageError(f"--json and --format {chosen} contradict each other")
        severity = Severity[fail_on.upper()] if fail_on else None
        place = Path(output) if output and output != "-" else None
        if place is not None:
            _must_be_writable(place)
        return function(ui, wanted=Wanted(chosen, place, severity), **values)

    levels = [severity.word for severity in reversed(Severity)]
    for option in (
        click.option(
            "--fail-on", type=click.Choice(levels), help="Exit 10 if a finding is this bad or worse."
        ),
        click.option(
            "--output",
            metavar="FILE",
            type=click.Path(),
            help="Write the report there; `-` is stdout.",
        ),
        click.option("--format", "report_format", type=click.Choice(FORMATS), help="Default: text."),
    ):
        option(run)
    return run


def examine(
    ui: Ui, targets: Sequence[str], audit: Audit, *, lively: bool = True
) -> tuple[list[SecurityReport], dict[str, VacuumError]]:
    """Audit every target, several at once, and show how far it is.

    Args:
        ui: Where words go.
        targets: One that is named twice is audited once.
        audit: Such as `auditor.audit_server`.
        lively: False where the audit itself has something to show.

    Returns:
        The reports, and why the other targets have none.
    """
    with ui.counting(targets) if lively else nullcontext(lambda target: None) as done:
        results = anyio.run(partial(each_of, targets, audit, done=done))
    reports = [each for each in results.values() if isinstance(each, SecurityReport)]
    return reports, {name: each for name, each in results.items() if isinstance(each, VacuumError)}


def waiter(ui: Ui) -> Waiting:
    """Return what lets time pass in an audit, and shows how much of it is left."""

    async def wait(seconds: float, what: str) -> None:
        until = anyio.current_time() + seconds
        with ui.counting_down(what, seconds) as show:
            while (left := until - anyio.current_time()) > 0:
                show(left)
                await anyio.sleep(min(left, 1.0))

    return wait


def deliver(
    ui: Ui,
    wanted: Wanted,
    reports: Sequence[SecurityReport],
    failed: Mapping[str, VacuumError] = MappingProxyType({}),
) -> int:
    """Write the reports, say what could not be examined, and return the exit code.

    Args:
        ui: Where words go.
        wanted: The flags.
        reports: Of the targets that were examined.
        failed: Why the others were not, by target; the first decides the exit code.

    Raises:
        VacuumError: Nothing was examined at all.
        UsageError: The output file cannot be written.
    """
    errors = list(failed.values())
    if errors and not reports:
        for error in errors[1:]:
            ui.error(error)
        raise errors[0]
    if reports:
        _write(ui, wanted, reports, [Unexamined(name, error.message) for name, error in failed.items()])
    for error in errors:
        ui.error(error)
    if errors:
        return errors[0].exit_status
    unseen = [_not_examined(each.unexamined) for each in reports if each.unexamined]
    for error in unseen:
        ui.note(error.message) if wanted.fail_on is None else ui.error(error)
    if _reached(wanted.fail_on, reports):
        return FINDINGS
    return 0 if wanted.fail_on is None or not unseen else unseen[0].exit_status


def _not_examined(unexamined: Unexamined) -> UsageError:
    """Make the error of a client that does not work: as good as one that cannot be started."""
    said = f"; its last line: {unexamined.said[-1]}" if unexamined.said else ""
    return UsageError(
        f"the client could not be examined: {unexamined.because}{said}",
        hint="it has to log in and to call or list tools: try it by hand, or see --timeout and --keep-env",
    )


def _reached(limit: Severity | None, reports: Sequence[SecurityReport]) -> bool:
    return limit is not None and any(report.worst is not None and report.worst >= limit for report in reports)


def _write(
    ui: Ui, wanted: Wanted, reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined]
) -> None:
    if wanted.output is None:
        ui.out(_rendered(wanted.format, reports, unexamined, ui.paint))
        return
    text = _rendered(wanted.format, reports, unexamined, text_format.plain)
    try:
        wanted.output.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(wanted.output, error) from None
    ui.step(f"wrote the report to {wanted.output}")


def _must_be_writable(place: Path) -> None:
    """Find out before an audit whether its report has a place, and leave the place as it was.

    Raises:
        UsageError: It has none.
    """
    is_new = not os.path.lexists(place)
    try:
        if place.exists() and not place.is_file() and not place.is_dir():
            return  # a pipe or a device: opening it may wait for a reader, or be seen by one
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o666))
        if is_new:
            place.unlink()
    except OSError as error:
        raise _unwritable(place, error) from None


def _unwritable(place: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{place} cannot be written: {error.strerror}",
        hint="--output takes a file in a directory that exists and that you may write to",
    )


def _rendered(
    chosen: str,
    reports: Sequence[SecurityReport],
    unexamined: Sequence[Unexamined],
    paint: text_format.Paint,
) -> str:
    formats: dict[str, Callable[[Sequence[SecurityReport], Sequence[Unexamined]], str]] = {
        "text": partial(text_format.render, paint=paint),
        "json": json_format.render,
        "sarif": sarif_format.render,
        "html": html_format.render,
    }
    return formats[chosen](reports, unexamined)
