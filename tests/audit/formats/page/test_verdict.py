"""The verdict at the top, and the counts below it."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.verdict import brief, counts, tone, tone_of, verdict, words
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Severity
from tests.audit.planted.server import audited


def test_words() -> None:
    assert words(audited()) == "No issues found"
    assert words(audited(no_pkce_advertised=True)).startswith("1 issue")


def test_the_colour_follows_the_worst() -> None:
    assert tone(None) == tone(Severity.LOW) == "tone-good"
    assert tone(Severity.HIGH) == "sev-high"


def test_what_could_not_be_examined_is_not_green() -> None:
    report = SecurityReport("x", unexamined=Unexamined("x", "the control did not work", ("<b>boom",)))
    text = verdict(report, Mask(), "h1")

    assert words(report) == "Could not be examined"
    assert tone_of(report) != "tone-good"
    assert "verdict tone-good" not in text
    assert "the control did not work" in text
    assert "&lt;b&gt;boom" in text
    assert "Every rule" not in text


def test_it_says_whether_any_rule_holds() -> None:
    assert "Every rule that could be judged holds" in verdict(
        SecurityReport("x", passed=("R-1",)), Mask(), "h1"
    )
    assert "No rule could be judged" in verdict(SecurityReport("x"), Mask(), "h1")


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
