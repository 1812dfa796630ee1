"""The report for a terminal: 80 columns, grouped by severity and rule, worst first, good without colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from mcp_vacuum.audit.formats.reasons import together, unclear
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Rule, Severity
from mcp_vacuum.audit.sources import PAGES
from mcp_vacuum.safety.url import printable

WIDTH = 80
Paint = Callable[[str, str], str]
"""Takes a text and what it is: ``critical`` … ``info``, ``good``, ``heading`` or ``remark``."""

_JOINTS = "/?&,;"
"""Where a word that is longer than a line may be broken, after the character."""


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
    yield from _verdict(report, paint)
    for severity, found in groupby(report.findings, key=lambda each: each.severity):
        yield ""
        yield from _group(severity, list(found), mask, paint)
    yield ""
    yield from (paint(line, "remark") for line in _tally(report))


def _verdict(report: SecurityReport, paint: Paint) -> Iterator[str]:
    severities = Counter(each.severity for each in report.findings)
    if severities:
        counts = ", ".join(f"{severities[each]} {each.word}" for each in sorted(severities, reverse=True))
        word = report.worst.word if report.worst is not None and not report.compliant else "good"
        yield paint(counts, word)
    if report.unexamined is not None:
        yield from _not_examined(report.unexamined, paint)
    elif not severities:
        yield paint("nothing found", "good") if _judged(report) else paint("nothing to judge", "remark")


def _judged(report: SecurityReport) -> bool:
    """False if no rule applies at all."""
    return bool(
        report.findings or report.passed or any(unclear(because) for _, because in report.not_checked)
    )


def _not_examined(unexamined: Unexamined, paint: Paint) -> Iterator[str]:
    words = _wrapped(f"could not be examined: {unexamined.because}", indent=2)
    yield from (paint(line, Severity.MEDIUM.word) for line in words)
    if unexamined.said:
        yield "  the last that it printed:"
    for each in unexamined.said:
        yield from _wrapped(f"    {each}", indent=6)


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
    reasons = {rule: reason for rule, because in report.not_checked if (reason := unclear(because))}
    beside = len(report.not_checked) - len(reasons)
    kept = f"{len(report.passed)} rule{' holds' if len(report.passed) == 1 else 's hold'}"
    yield f"{kept}, {len(reasons)} could not be judged, {beside} do not apply"
    blind = report.unexamined is not None and not report.passed
    for reason, rules in together({} if blind else reasons).items():
        named = f"{rules[0]}: " if len(rules) == 1 else ""
        yield from _wrapped(f"  {len(rules):>3} not judged: {named}{reason}", indent=6)
    if not _judged(report):
        for reason in dict.fromkeys(because for _, because in report.not_checked):
            yield from _wrapped(f"  {reason.removeprefix('NOT_APPLICABLE: ')}", indent=4)
    if report.findings:
        yield from _wrapped(f"each rule is explained at {PAGES}")


# --- several ----------------------------------------------------------------------------------------------


def _summary(
    reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined], paint: Paint
) -> Iterator[str]:
    flawed = sum(bool(report.issues) for report in reports)
    worst = max((report.worst for report in reports if report.worst is not None), default=Severity.INFO)
    unseen = len(unexamined) + sum(report.unexamined is not None for report in reports)
    missing = f", {unseen} could not be examined" if unseen else ""
    head = f"{len(reports) + len(unexamined)} targets, {flawed} with issues{missing}"
    yield paint(head, worst.word if flawed else Severity.MEDIUM.word if unseen else "good")
    yield paint(f"{'worst':<9} {'issues':>6} {'remarks':>7}  target", "remark")
    for report in sorted(reports, key=lambda each: -(each.worst if each.worst is not None else -1)):
        yield from _row(report)
    for each in unexamined:
        yield from _wrapped(f"{'not examined':<24}  {printable(each.target)}: {each.because}", indent=26)


def _row(report: SecurityReport) -> Iterator[str]:
    nothing = "nothing" if report.unexamined is None else "unknown"
    worst = report.worst.word if report.worst is not None else nothing
    issues = len(report.issues)
    numbers = f"{issues:>6} {len(report.findings) - issues:>7}"
    yield from _wrapped(f"{worst:<9} {numbers}  {Mask(report.exchanges).url(report.target)}", indent=26)


def _wrapped(text: str, *, indent: int = 0) -> list[str]:
    """Break lines at blanks, and what is longer than a line, such as a URL, at its own joints."""
    room = WIDTH - indent
    words = (_parted(word, room) if len(word) > room else word for word in text.split(" "))
    return wrap(" ".join(words), WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)


def _parted(word: str, room: int) -> str:
    parts = []
    while len(word) > room:
        cut = max(word.rfind(joint, room // 2, room) for joint in _JOINTS) + 1
        parts.append(word[: cut or room])
        word = word[cut or room :]
    return " ".join([*parts, word])
