"""A long recording, told shortly: what shows a finding is drawn, a long silence between is folded away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.formats.page.lanes import Lanes
from mcp_vacuum.audit.formats.page.markup import Markup, el

FEW, FEW_WITH_FINDINGS = 24, 10
"""Exchanges that are all drawn: as many fit on two screens. Findings shall stand on the first."""
SILENCE = 3
"""From so many in a row without a finding they are folded."""

NO_ANSWER = "without an answer"
UNANSWERED: Mapping[str, str] = {
    "refused": "not sent",
    "unreachable": "without a connection",
    "oversized": "with too much",
    "visited": "in the browser",
}

Run = tuple[bool, Sequence[Exchange]]
"""Whether it is folded, and the exchanges, in their order."""


def runs(exchanges: Sequence[Exchange], marked: Collection[int]) -> Iterator[Run]:
    """Divide a recording into what is drawn and what is folded.

    Args:
        exchanges: In the order in which they were begun.
        marked: The numbers of those that show a finding.
    """
    if len(exchanges) <= (FEW_WITH_FINDINGS if marked else FEW):
        yield False, exchanges
        return
    for quiet, found in groupby(exchanges, key=lambda each: each.number not in marked):
        run = list(found)
        yield quiet and len(run) >= SILENCE, run


def folded(run: Sequence[Exchange], lanes: Lanes, steps: Sequence[Markup]) -> Markup:
    """Return the steps of a run behind one line that sums them up."""
    numbers = f"{run[0].number} to {run[-1].number}"
    what = el("b", f"{len(run)} exchanges without a finding", class_="purpose")
    told = el("span", "; ".join(_sums(run, lanes)), class_="took")
    summary = el("summary", el("span", numbers, class_="number"), " ", what, " ", told)
    return el("li", el("details", summary, el("ol", steps)), class_="quiet")


def _sums(run: Sequence[Exchange], lanes: Lanes) -> Iterator[str]:
    """Say who answered how, and how often."""
    for number, lane in enumerate(lanes.all):
        said = Counter(_said(each) for each in run if lanes.to(each) == number)
        if said:
            yield f"{lane.role}: {', '.join(f'{count} {what}' for what, count in said.most_common())}"


def _said(exchange: Exchange) -> str:
    return f"with {exchange.status}" if exchange.response else UNANSWERED.get(exchange.outcome, NO_ANSWER)
