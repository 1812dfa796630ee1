"""The report for a terminal: 80 columns, grouped by severity and rule, worst first, good without colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Rule, Severity
from mcp_vacuum.safety.url import printable

WIDTH = 80
Paint = Callable[[str, str], str]
"""Takes a text and what it is: ``critical`` … ``info``, ``good``, ``heading`` or ``remark``."""

_NOT_BUILT = "not built yet"


def plain(text: str, _: str) -> str:
    """Paint nothing."""
    return text


def render(
    reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = (), paint: Paint = plain
) -> str:
    """Return every report, and one summary if there are several."""
    parts = ["\n".join(_report(report, paint)) for report in reports]
    if len(reports) + len(unexamined) > 1:
        parts.append("\n".join(_summary(reports, unexamined, paint)))
    return "\n\n".join(parts)


# --- one target -------------------------------------------------------------------------------------------


def _report(report: SecurityReport, paint: Paint) -> Iterator[str]:
    mask = Mask(report.exchanges)
    yield from (paint(line, "heading") for line in _wrapped(mask.url(report.target)))
    yield _verdict(report, paint)
    for severity, found in groupby(report.findings, key=lambda each: each.severity):
        yield ""
        yield from _group(severity, list(found), mask, paint)
    yield ""
    yield from (paint(line, "remark") for line in _tally(report))


def _verdict(report: SecurityReport, paint: Paint) -> str:
    severities = Counter(each.severity for each in report.findings)
    if not severities:
        return paint("nothing found", "good")
    counts = ", ".join(f"{severities[each]} {each.word}" for each in sorted(severities, reverse=True))
    word = report.worst.word if report.worst is not None and not report.compliant else "good"
    return paint(counts, word)


def _group(severity: Severity, found: Sequence[ReportedFinding], mask: Mask, paint: Paint) -> Iterator[str]:
    yield paint(severity.word.upper(), severity.word)
    by_rule: dict[str, list[ReportedFinding]] = {}
    for each in found:
        by_rule.setdefault(each.rule.id, []).append(each)
    for number, of_rule in enumerate(by_rule.values()):
        if number:
            yield ""
        yield from _findings(of_rule, mask, paint)


def _findings(found: Sequence[ReportedFinding], mask: Mask, paint: Paint) -> Iterator[str]:
    """Say what one rule found: its places, then once what is the same for all of them."""
    rule, word = found[0].rule, found[0].severity.word
    yield from (paint(line, word) for line in _wrapped(f"  {rule.id}  {rule.title}", indent=4))
    for each in found:
        yield from _told("where", mask.text(each.finding.where) + _line(each))
        doubt = "" if each.finding.certain else " (perhaps: another reading is possible)"
        yield from _told("why", mask.text(each.finding.why) + doubt)
    yield from _told("fix", rule.fix)
    yield from (paint(line, "remark") for line in _told("source", _cited(rule)))


def _line(each: ReportedFinding) -> str:
    file = each.finding.file
    return f" (line {file.line})" if file and file.line else ""


def _cited(rule: Rule) -> str:
    return f"{rule.level.value}: {'; '.join(rule.sources)}"


def _told(name: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"    {name:<6}  {text}", indent=12)


def _tally(report: SecurityReport) -> Iterator[str]:
    unclear = [reason for reason in map(_unclear, report.not_checked) if reason]
    beside = len(report.not_checked) - len(unclear)
    yield f"{len(report.passed)} rules hold, {len(unclear)} could not be judged, {beside} do not apply"
    for reason, count in Counter(unclear).most_common():
        yield from _wrapped(f"  {count:>3} not judged: {reason}", indent=6)


def _unclear(not_checked: tuple[str, str]) -> str:
    """Return why a rule could not be judged; empty if it does not apply."""
    word, _, reason = not_checked[1].partition(": ")
    if word != "INCONCLUSIVE":
        return ""
    return _NOT_BUILT if reason.startswith(_NOT_BUILT) else reason


# --- several ----------------------------------------------------------------------------------------------


def _summary(
    reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined], paint: Paint
) -> Iterator[str]:
    flawed = sum(not report.compliant for report in reports)
    worst = max((report.worst for report in reports if report.worst is not None), default=Severity.INFO)
    missing = f", {len(unexamined)} could not be examined" if unexamined else ""
    head = f"{len(reports) + len(unexamined)} targets, {flawed} with issues{missing}"
    yield paint(head, worst.word if flawed else "good")
    yield paint(f"{'worst':<9} {'issues':>6} {'remarks':>7}  target", "remark")
    for report in sorted(reports, key=lambda each: -(each.worst if each.worst is not None else -1)):
        yield from _row(report)
    for each in unexamined:
        yield from _wrapped(f"{'not examined':<24}  {printable(each.target)}: {each.because}", indent=26)


def _row(report: SecurityReport) -> Iterator[str]:
    worst = report.worst.word if report.worst is not None else "nothing"
    issues = len(report.issues)
    numbers = f"{issues:>6} {len(report.findings) - issues:>7}"
    yield from _wrapped(f"{worst:<9} {numbers}  {Mask(report.exchanges).url(report.target)}", indent=26)


def _wrapped(text: str, *, indent: int = 0) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
