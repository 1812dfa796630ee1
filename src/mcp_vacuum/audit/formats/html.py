"""One page that needs nothing from anywhere: the verdict, the flow with its findings, and what was not seen.

Nothing is fetched: a content security policy names the page's own style and script by their hashes, and
forbids the rest. Every text is escaped by `page.markup`, every message masked by `audit.masking`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby

from mcp_vacuum._version import __version__
from mcp_vacuum.audit.engine import COUNTS_FROM
from mcp_vacuum.audit.formats.page.findings import card
from mcp_vacuum.audit.formats.page.flow import Marks, anchor, drawing
from mcp_vacuum.audit.formats.page.lanes import Lanes, lanes_of
from mcp_vacuum.audit.formats.page.markup import Markup, el, join, raw
from mcp_vacuum.audit.formats.page.rest import folded
from mcp_vacuum.audit.formats.page.script import SCRIPT
from mcp_vacuum.audit.formats.page.style import style
from mcp_vacuum.audit.formats.page.verdict import brief, counts, tone, tone_of, verdict, words
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined

Card = tuple[str, list[ReportedFinding]]
"""An anchor, and what one rule found with one severity."""


def render(reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = ()) -> str:
    """Return the page."""
    drawings = [lanes_of(report.target, report.exchanges) for report in reports]
    sheet = style(len(lanes.all) for lanes in drawings)
    single = len(reports) + len(unexamined) == 1
    if single:
        (report,), (lanes,) = reports, drawings
        title, content = (
            f"Audit of {Mask(report.exchanges).url(report.target)}",
            _report(report, lanes, "", 1),
        )
    else:
        title = f"Audit of {len(reports) + len(unexamined)} targets"
        content = _several(title, reports, drawings, unexamined)
    page = join(_head(title, sheet), el("body", el("main", content, _footer(reports)), _inline(SCRIPT)))
    return f"<!doctype html>\n{el('html', page, lang='en')}\n"


def _head(title: str, sheet: str) -> Markup:
    policy = (
        f"default-src 'none'; style-src {_hash(sheet)}; script-src {_hash(SCRIPT)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", raw(sheet)),
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _inline(script: str) -> Markup:
    return el("script", raw(script))


def _footer(reports: Sequence[SecurityReport]) -> Markup:
    started = [report.exchanges[0].started_at for report in reports if report.exchanges]
    when = f", recorded {datetime.fromtimestamp(min(started), UTC):%Y-%m-%d %H:%M} UTC" if started else ""
    text = (
        f"mcp-vacuum {__version__}{when}. Tokens, codes, cookies and other secrets are replaced by *** and "
    )
    return el("footer", text, "six digits of their hash: equal ones stay equal.")


# --- one target -------------------------------------------------------------------------------------------


def _report(report: SecurityReport, lanes: Lanes, prefix: str, level: int) -> Markup:
    mask, cards = Mask(report.exchanges), _cards(report, prefix)
    return join(
        verdict(report, mask, f"h{level}"),
        counts(report.findings) if level == 1 else None,
        brief(cards) if cards else None,
        _flow(report, lanes, cards, mask, prefix, level + 1),
        _findings(report, cards, mask, prefix, level + 1),
        _part("What was not found", folded(report), level + 1),
    )


def _cards(report: SecurityReport, prefix: str) -> list[Card]:
    """Group the findings by severity, worst first, and rule."""

    def order(each: ReportedFinding) -> tuple[int, str]:
        return -each.severity, each.rule.id

    groups = groupby(sorted(report.findings, key=order), key=order)
    return [(f"{prefix}finding-{number}", list(found)) for number, (_, found) in enumerate(groups, 1)]


def _flow(
    report: SecurityReport, lanes: Lanes, cards: list[Card], mask: Mask, prefix: str, level: int
) -> Markup | None:
    if not report.exchanges:
        return None
    marks = _marks(report, cards)
    outside = sum(_shown(report, each) is None for each in report.findings)
    note = f"{outside} of the findings are about no single message and stand below only"
    return _part(
        "The flow",
        join(
            drawing(report.exchanges, lanes, marks, mask, prefix),
            el("p", note, class_="beside") if outside else None,
        ),
        level,
    )


def _marks(report: SecurityReport, cards: list[Card]) -> Marks:
    marks: dict[int, list[tuple[str, ReportedFinding]]] = {}
    for place, found in cards:
        first = {number: each for each in reversed(found) if (number := _shown(report, each)) is not None}
        for number, each in first.items():
            marks.setdefault(number, []).append((place, each))
    return marks


def _shown(report: SecurityReport, each: ReportedFinding) -> int | None:
    """Return the number of the exchange that shows a finding, None if it is not in the recording."""
    at = each.finding.at
    recorded = at is not None and any(at.number == exchange.number for exchange in report.exchanges)
    return at.number if at is not None and recorded else None


def _findings(
    report: SecurityReport, cards: list[Card], mask: Mask, prefix: str, level: int
) -> Markup | None:
    if not cards:
        return None
    drawn = {exchange.number: anchor(prefix, exchange) for exchange in report.exchanges}

    def place(each: ReportedFinding) -> str | None:
        number = _shown(report, each)
        return None if number is None else drawn[number]

    content = [card(name, found, place, mask, f"h{level + 1}") for name, found in cards]
    return _part("Findings, worst first", join(content), level)


def _part(name: str, content: Markup, level: int) -> Markup:
    return el("section", el(f"h{level}", name), content, class_="part")


# --- several targets --------------------------------------------------------------------------------------


def _several(
    title: str, reports: Sequence[SecurityReport], drawings: Sequence[Lanes], unexamined: Sequence[Unexamined]
) -> Markup:
    numbered = sorted(
        enumerate(zip(reports, drawings, strict=True), 1),
        key=lambda each: -1 * (each[1][0].worst if each[1][0].worst is not None else -1),
    )
    flawed = sum(bool(report.issues) for report in reports)
    unseen = len(unexamined) + sum(report.unexamined is not None for report in reports)
    said = f"{flawed} of {len(reports)} with issues" if flawed else f"No issues in {len(reports)} targets"
    beside = f"; {unseen} could not be examined" if unseen else ""
    worst = max((report.worst for report in reports if report.worst is not None), default=None)
    shade = tone(worst if flawed or not unseen else COUNTS_FROM)
    rows = [_row(number, report) for number, (report, _) in numbered]
    rows += [_missing(each) for each in unexamined]
    return join(
        el(
            "header",
            el("h1", title, class_="target"),
            el("p", said + beside, class_="words"),
            class_=f"verdict {shade}",
        ),
        counts(each for report in reports for each in report.findings),
        el("section", el("h2", "Targets"), _table(rows), class_="part"),
        (_folded_target(number, report, lanes) for number, (report, lanes) in numbered),
    )


def _table(rows: list[Markup]) -> Markup:
    names = ("target", "verdict", "holds", "not checked")
    head = el("tr", (el("th", name, scope="col", class_="n" if name[0] in "hn" else None) for name in names))
    table = el("table", el("thead", head), el("tbody", rows), class_="summary")
    return el("div", table, class_="scroll")


def _row(number: int, report: SecurityReport) -> Markup:
    name = el("a", Mask(report.exchanges).url(report.target), href=f"#t{number}")
    nothing = "good" if report.unexamined is None else "unknown"
    chip = el("span", report.worst.word if report.worst is not None else nothing, class_="chip")
    shade = f"sev-{report.worst.word}" if report.worst is not None else tone_of(report)
    return el(
        "tr",
        el("th", name, scope="row"),
        el("td", chip, " ", words(report), class_=shade),
        el("td", str(len(report.passed)), class_="n"),
        el("td", str(len(report.not_checked)), class_="n"),
    )


def _missing(each: Unexamined) -> Markup:
    return el(
        "tr",
        el("th", each.target, scope="row"),
        el("td", f"not examined: {each.because}", colspan=3),
    )


def _folded_target(number: int, report: SecurityReport, lanes: Lanes) -> Markup:
    name = el("h2", Mask(report.exchanges).url(report.target))
    summary = el("summary", name, " ", el("span", words(report), class_="remark"))
    content = _report(report, lanes, f"t{number}-", 3)
    shade = f"target-of {tone_of(report)}"
    return el("details", summary, content, id=f"t{number}", class_=shade)
