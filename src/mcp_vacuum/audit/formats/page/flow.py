"""The sequence of messages: lifelines, two arrows an exchange, and each finding at its arrow.

Lists, links and `details` in the order of the messages, laid out as a drawing by the style sheet alone: a
screen reader reads what the eye sees, and so does paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.formats.page.folding import folded, runs
from mcp_vacuum.audit.formats.page.lanes import Lane, Lanes
from mcp_vacuum.audit.formats.page.markup import Markup, el, join
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding
from mcp_vacuum.protocol.effects import HeaderList

MOST_OF_A_BODY = 6000
"""Characters of a body that are shown."""

Marks = Mapping[int, Sequence[tuple[str, ReportedFinding]]]
"""By number of the exchange: the anchors of its findings, and the findings, worst first."""


def drawing(exchanges: Sequence[Exchange], lanes: Lanes, marks: Marks, mask: Mask, prefix: str) -> Markup:
    """Return the sequence.

    Args:
        exchanges: In the order in which they were begun.
        lanes: From `lanes_of`.
        marks: What was found, at its exchange.
        mask: Knows the secrets of the recording.
        prefix: Of the anchors.
    """
    steps: list[Markup] = []
    for quiet, run in runs(exchanges, marks):
        drawn = [_step(each, lanes, marks.get(each.number, ()), mask, prefix) for each in run]
        steps += [folded(run, lanes, drawn)] if quiet else drawn
    lines = [el("i", class_=f"line line-{number}") for number in range(len(lanes.all))]
    return el(
        "div",
        el("div", map(_head, lanes.all), class_="heads", aria_hidden="true"),
        el("div", el("div", lines, class_="lines", aria_hidden="true"), el("ol", steps), class_="steps"),
        class_=f"flow lanes-{len(lanes.all)}",
    )


def anchor(prefix: str, exchange: Exchange) -> str:
    """Return the id of an exchange's place in the drawing."""
    return f"{prefix}exchange-{exchange.number}"


def _head(lane: Lane) -> Markup:
    return el("div", el("b", lane.role), el("span", lane.name), class_="head")


def _step(
    exchange: Exchange,
    lanes: Lanes,
    found: Sequence[tuple[str, ReportedFinding]],
    mask: Mask,
    prefix: str,
) -> Markup:
    place = lanes.to(exchange)
    worst = f" sev-{max(each.severity for _, each in found).word}" if found else ""
    return el(
        "li",
        el(
            "details",
            el("summary", _caption(exchange), _arrows(exchange, lanes.all[place], mask)),
            _messages(exchange, mask),
        ),
        el("ul", (_mark(anchor, each, mask) for anchor, each in found), class_="marks") if found else None,
        id=anchor(prefix, exchange),
        class_=f"step to-{place}{worst}",
    )


def _caption(exchange: Exchange) -> Markup:
    unsent = "in the browser" if exchange.outcome == "visited" else "not sent"
    took = f"{exchange.seconds * 1000:.0f} ms" if exchange.request else unsent
    return el(
        "span",
        el("b", str(exchange.number), class_="number"),
        " ",
        el("span", exchange.purpose, class_="purpose"),
        " ",
        el("span", took, class_="took"),
        class_="caption",
    )


def _arrows(exchange: Exchange, lane: Lane, mask: Mask) -> Markup:
    to = el("span", f" to the {lane.role}", class_="unseen")
    went_out = exchange.request is not None or exchange.outcome == "visited"
    went = el("span", f"{exchange.method} {_target(exchange.url, mask)}", to, class_="label")
    out = el("span", went, class_="arrow out" if went_out else "arrow out never")
    if exchange.response is None:
        return join(out, el("span", el("span", exchange.failure, class_="label"), class_="arrow lost"))
    return join(out, el("span", el("span", *_answer(exchange, mask), class_="label"), class_="arrow back"))


def _target(url: str, mask: Mask) -> str:
    masked = mask.url(url)
    try:
        parts = urlsplit(masked)
    except ValueError:
        return masked
    return f"{parts.path or '/'}{'?…' if parts.query else ''}"


def _answer(exchange: Exchange, mask: Mask) -> tuple[str, str]:
    said, onward = _status(exchange.status), exchange.header("location")
    if onward:
        return said, f", on to {mask.url(onward)}"
    return said, el("span", f", {exchange.media_type}", class_="media") if exchange.media_type else ""


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _mark(anchor: str, each: ReportedFinding, mask: Mask) -> Markup:
    severity = each.severity.word
    _, comma, member = mask.text(each.finding.where).rpartition(", ")
    about = el("code", member, ": ") if comma else None
    why = el("span", about, mask.text(each.finding.why), class_="said")
    text = el("a", el("b", severity, class_="chip"), " ", el("b", each.rule.id), " ", why, href=f"#{anchor}")
    return el("li", text, title=each.rule.title, class_=f"mark sev-{severity}")


# --- the messages themselves ------------------------------------------------------------------------------


def _messages(exchange: Exchange, mask: Mask) -> Markup:
    return el("div", _sent(exchange, mask), _came(exchange, mask), class_="messages")


def _sent(exchange: Exchange, mask: Mask) -> Markup:
    request, start = exchange.request, f"{exchange.method} {mask.url(exchange.url)}"
    if request is None:
        return el("p", f"{start}: {exchange.failure}")
    media_type = _media_type(request.headers)
    return _message("request", start, request.headers, request.body or b"", media_type, mask)


def _came(exchange: Exchange, mask: Mask) -> Markup | None:
    answer = exchange.response
    if answer is None:
        return None
    return _message("answer", _status(answer.status), answer.headers, answer.body, exchange.media_type, mask)


def _media_type(headers: HeaderList) -> str:
    found = next((value for name, value in headers if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip().lower()


def _message(what: str, start: str, headers: HeaderList, body: bytes, media_type: str, mask: Mask) -> Markup:
    lines = [start, *(f"{name}: {mask.header(name, value)}" for name, value in headers)]
    shown = mask.body(body, media_type) if body else ""
    if len(shown) > MOST_OF_A_BODY:
        shown = f"{shown[:MOST_OF_A_BODY]}\n… {len(shown) - MOST_OF_A_BODY} more characters"
    text = "\n".join(lines) + (f"\n\n{shown}" if shown else "")
    return el("figure", el("figcaption", what), el("pre", text, tabindex=0), class_="message")
