"""A finding as a card: where, why, fix, sources."""

from __future__ import annotations

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.formats.page.findings import examples, sources
from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.planted.config import audited as configured
from tests.audit.planted.server import audited


def test_a_card_says_where_why_and_how_to_mend_it() -> None:
    report = audited(no_pkce_advertised=True)
    (found,) = [each for each in report.findings if each.rule.id == "AS-PKCE-01"]
    text = render([report])

    assert found.rule.title in text
    assert "it is missing, which means no PKCE" in text
    assert "finding sev-high" in text


def test_sources_that_have_an_address_are_links() -> None:
    text = sources(["RFC 9728 §3.3", "a rule of this house"])

    assert 'href="https://' in text
    assert "a rule of this house" in text


def test_examples_are_shown_where_there_are_some() -> None:
    with_some = next(rule for rule in CATALOGUE if rule.bad)
    without = next(rule for rule in CATALOGUE if not rule.bad and not rule.good)

    assert examples(without) is None
    assert examples(with_some)


def test_a_finding_in_a_file_says_its_line() -> None:
    text = render([configured({"mcpServers": {"s": {"url": "http://mcp.example/mcp"}}})])

    assert "mcpServers.s.url (line 4)</code>" in text
