"""Markup that is finished, and text that becomes escaped."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.markup import el, join, raw


def test_text_is_escaped_and_markup_is_not_escaped_twice() -> None:
    assert el("p", "<b> & \"'", el("i", "x")) == "<p>&lt;b&gt; &amp; &quot;&#x27;<i>x</i></p>"
    assert join("a<", raw("<b>")) == "a&lt;<b>"


def test_attributes() -> None:
    made = el("input", class_="a", data_severity='"', checked=True, disabled=False, id=None)

    assert made == '<input class="a" data-severity="&quot;" checked>'


def test_what_a_terminal_or_a_page_would_obey_is_shown() -> None:
    assert "\x1b" not in el("p", "a\x1b[2J\u202eb")


def test_nothing_is_nothing_and_lists_are_joined() -> None:
    assert el("ul", None, (el("li", str(n)) for n in range(2))) == "<ul><li>0</li><li>1</li></ul>"
