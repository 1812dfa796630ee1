"""The top of a report: the verdict in words, how many rules hold, and the findings counted by severity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcp_vacuum.audit.engine import COUNTS_FROM
from mcp_vacuum.audit.formats.page.markup import Markup, el, join, raw
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Severity

_GOOD = raw('<circle cx="12" cy="12" r="12"/><path d="M6.5 12.6l3.8 3.8 7.2-8"/>')
_BAD = raw('<circle cx="12" cy="12" r="12"/><path d="M12 5.5v8M12 16v2.6"/>')


def tone(severity: Severity | None) -> str:
    """Return the class that colours something as bad as this."""
    return f"sev-{severity.word}" if severity is not None and severity >= COUNTS_FROM else "tone-good"


def tone_of(report: SecurityReport) -> str:
    """Return the class that colours a report; what could not be examined is never good."""
    return tone(report.worst if report.issues or report.unexamined is None else COUNTS_FROM)


def words(report: SecurityReport) -> str:
    """Say the verdict."""
    issues, remarks = len(report.issues), len(report.findings) - len(report.issues)
    nothing = "No issues found" if report.unexamined is None else "Could not be examined"
    beside = f", {_count(remarks, 'remark')}" if remarks else ""
    return f"{_count(issues, 'issue') if issues else nothing}{beside}"


def verdict(report: SecurityReport, mask: Mask, heading: str) -> Markup:
    """Return the box at the top of a report."""
    worst = report.findings[0] if report.findings else None
    return el(
        "header",
        el(heading, mask.url(report.target), class_="target"),
        el("p", _icon(report.compliant), words(report), class_="words"),
        _not_examined(report.unexamined) if report.unexamined else None,
        el("p", _told(report, worst, mask), class_="worst") if worst or not report.unexamined else None,
        _tally(report),
        class_=f"verdict {tone_of(report)}",
    )


def brief(cards: Iterable[tuple[str, Sequence[ReportedFinding]]]) -> Markup:
    """Return a line for each card of a report, which leads to it."""
    return el("ol", (_line(anchor, found) for anchor, found in cards), class_="brief")


def _line(anchor: str, found: Sequence[ReportedFinding]) -> Markup:
    rule, severity = found[0].rule, found[0].severity.word
    places = el("span", f" in {len(found)} places", class_="remark") if len(found) > 1 else None
    title = el("span", rule.title, places, class_="title")
    line = el(
        "a", el("b", severity, class_="chip"), el("span", rule.id, class_="id"), title, href=f"#{anchor}"
    )
    return el("li", line, class_=f"sev-{severity}")


def counts(found: Iterable[ReportedFinding]) -> Markup:
    """Return the findings by severity, if any; the box beside each number shows and hides them."""
    severities = [each.severity for each in found]
    if not severities:
        return join()
    tiles = [_tile(severity, severities.count(severity)) for severity in reversed(Severity)]
    legend = el("legend", "findings by severity; untick to hide ", el("span", id="shown", aria_live="polite"))
    return el("fieldset", legend, tiles, class_="counts")


def _tile(severity: Severity, count: int) -> Markup:
    word = severity.word
    box = el("input", type="checkbox", checked=True, disabled=not count, data_severity=word)
    shade = "none" if not count else f"sev-{word}"
    return el("label", el("b", str(count)), " ", word, box, class_=f"count {shade}")


def _told(report: SecurityReport, worst: ReportedFinding | None, mask: Mask) -> Markup | str:
    if worst is None:
        return "Every rule that could be judged holds." if report.passed else "No rule could be judged."
    where, why = mask.text(worst.finding.where), mask.text(worst.finding.why)
    return join("The worst: ", el("code", where), f": {why} ({worst.rule.id}, {worst.severity.word}).")


def _not_examined(unexamined: Unexamined) -> Markup:
    said = join("The last that it printed:", el("pre", "\n".join(unexamined.said)))
    return join(
        el("p", f"It could not be examined: {unexamined.because}.", class_="worst"),
        el("div", said, class_="worst") if unexamined.said else None,
    )


def _tally(report: SecurityReport) -> Markup:
    broken = len({each.rule.id for each in report.findings})
    unclear = sum(because.startswith("INCONCLUSIVE") for _, because in report.not_checked)
    parts = [
        ("tone-good", len(report.passed), "hold"),
        (f"sev-{(report.worst or Severity.INFO).word}", broken, "broken"),
        ("tone-rest", unclear, "could not be judged"),
        ("tone-none", len(report.not_checked) - unclear, "do not apply"),
    ]
    total, x, bars = sum(count for _, count, _ in parts) or 1, 0.0, []
    for shade, count, _ in parts:
        width = 100 * count / total
        bars.append(el("rect", class_=shade, x=f"{x:.2f}%", width=f"{width:.2f}%", height="100%"))
        x += width
    legend = [el("li", el("b", str(count)), f" {name}", class_=shade) for shade, count, name in parts]
    return el("div", el("svg", bars, aria_hidden="true"), el("ul", legend), class_="tally")


def _icon(compliant: bool) -> Markup:
    return el("svg", _GOOD if compliant else _BAD, viewBox="0 0 24 24", aria_hidden="true")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
