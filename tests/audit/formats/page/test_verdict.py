"""The verdict at the top, and the counts below it."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.verdict import brief, counts, tone, words
from mcp_vacuum.audit.rule import Severity
from tests.audit.planted.server import audited


def test_words() -> None:
    assert words(audited()) == "No issues found"
    assert words(audited(no_pkce_advertised=True)).startswith("1 issue")


def test_the_colour_follows_the_worst() -> None:
    assert tone(None) == tone(Severity.LOW) == "tone-good"
    assert tone(Severity.HIGH) == "sev-high"


def test_a_box_for_each_severity_that_cannot_be_ticked_where_there_is_none() -> None:
    text = counts(audited(no_pkce_advertised=True).findings)

    assert text.count("<input") == len(Severity)
    assert text.count("disabled") >= len(Severity) - 2


def test_no_boxes_where_nothing_was_found() -> None:
    assert counts(()) == ""


def test_a_line_leads_to_each_card_and_counts_its_places() -> None:
    found = [each for each in audited(challenge=("Bearer realm=x",)).findings if each.rule.id == "RS-CHAL-02"]
    text = brief([("finding-1", found)])

    assert text.count("<li") == 1
    assert 'href="#finding-1"' in text
    assert found[0].rule.title in text
    assert f"in {len(found)} places" in text
