"""The findings: what, where, why, how to mend it, and by which text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mcp_vacuum.audit.formats.page.markup import Markup, el, join
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding
from mcp_vacuum.audit.rule import Level, Rule
from mcp_vacuum.audit.sources import link

Place = Callable[[ReportedFinding], str | None]
"""Finds the anchor of a finding's exchange; None if the drawing does not show it."""


def card(anchor: str, found: Sequence[ReportedFinding], place: Place, mask: Mask, heading: str) -> Markup:
    """Return what one rule found, with one severity.

    Args:
        anchor: Its id.
        found: At least one finding, all of the same rule and severity.
        place: Where in the drawing.
        mask: Knows the secrets of the recording.
        heading: The name of the heading's element.
    """
    rule, severity = found[0].rule, found[0].severity.word
    return el(
        "article",
        el(
            heading,
            el("span", severity, class_="chip"),
            el("span", rule.id, class_="id"),
            el("span", el("span", "broken: ", class_="unseen"), rule.title, class_="title"),
            class_="what",
        ),
        el("ul", (_place(each, place, mask) for each in found), class_="places"),
        el("dl", _facts(rule)),
        examples(rule),
        id=anchor,
        class_=f"finding sev-{severity}",
    )


def examples(rule: Rule) -> Markup | None:
    """Return the exchange that breaks the rule beside one that keeps it; None if the rule has none."""
    if not (rule.bad or rule.good):
        return None
    both = (("instead of", "bad", rule.bad), ("it should be", "good", rule.good))
    figures = [
        el("figure", el("figcaption", name), el("pre", text, tabindex=0), class_=f"example {kind}")
        for name, kind, text in both
        if text
    ]
    return el("div", figures, class_="examples")


def sources(texts: Iterable[str]) -> Markup:
    """Return a list of cited texts, linked where that is known."""
    return el("ul", (el("li", _source(text)) for text in texts), class_="sources")


def _place(each: ReportedFinding, place: Place, mask: Mask) -> Markup:
    anchor = place(each)
    doubt = el("em", "perhaps: another reading is possible", class_="doubt")
    return el(
        "li",
        el("code", f"{mask.text(each.finding.where)}{_line(each)}", class_="where"),
        el("span", mask.text(each.finding.why), class_="why"),
        None if each.finding.certain else doubt,
        el("a", "show in the flow", href=f"#{anchor}", class_="jump") if anchor else None,
    )


def _line(each: ReportedFinding) -> str:
    file = each.finding.file
    return f" (line {file.line})" if file and file.line else ""


def _facts(rule: Rule) -> Markup:
    facts: list[tuple[str, str]] = [("fix", rule.fix)]
    if rule.why:
        facts.append(("reason", rule.why))
    level = "advice of this auditor, after" if rule.level is Level.ADVICE else f"{rule.level.value} in"
    told = [join(el("dt", name), el("dd", text, class_=name)) for name, text in facts]
    return join(
        told, el("dt", "source"), el("dd", el("span", f"{level} ", class_="level"), sources(rule.sources))
    )


def _source(text: str) -> Markup:
    url = link(text)
    return el("a", text, href=url, rel="noreferrer noopener") if url else join(text)
