"""A long recording: findings are drawn, silence is folded."""

from __future__ import annotations

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.formats.page.folding import FEW, FEW_WITH_FINDINGS, SILENCE, folded, runs
from mcp_vacuum.audit.formats.page.lanes import lanes_of
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport
from mcp_vacuum.audit.rule import Finding
from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.made import URL, answered, unanswered

MANY = [answered(401, number=number) for number in range(1, 201)]


def test_a_short_recording_is_drawn_whole() -> None:
    without, few = MANY[:FEW], MANY[:FEW_WITH_FINDINGS]

    assert list(runs(without, ())) == [(False, without)]
    assert list(runs(few, {1})) == [(False, few)]
    assert len(list(runs(without, {1}))) == 2


def test_silence_between_findings_is_folded_and_a_short_one_is_not() -> None:
    told = [(folds, [each.number for each in run]) for folds, run in runs(MANY, {1, 2 + SILENCE, 7, 200})]

    assert told == [
        (False, [1]),
        (True, [2, 3, 4]),
        (False, [5]),
        (False, [6]),
        (False, [7]),
        (True, list(range(8, 200))),
        (False, [200]),
    ]


def test_a_fold_says_who_answered_how_and_how_often() -> None:
    run = [*MANY[:3], answered(200, url="https://as.example/token", number=4), unanswered()]
    text = folded(run, lanes_of(URL, run), ())

    assert "5 exchanges without a finding" in text
    assert "MCP server: 3 with 401, 1 without an answer; authorization server: 1 with 200" in text


def test_two_hundred_exchanges_show_their_finding_and_lose_nothing() -> None:
    found = ReportedFinding(CATALOGUE[0], Finding("here", "of this message", at=MANY[149]))
    text = render([SecurityReport(URL, (found,), exchanges=tuple(MANY))])
    outside = text.split('<li class="quiet">')

    assert all(f'id="exchange-{each.number}"' in text for each in MANY)
    assert len(outside) == 3
    assert 'id="exchange-150"' in outside[1].rpartition("</details></li>")[2]
