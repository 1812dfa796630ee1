"""The page: whole, escaped, and in need of nothing from anywhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Finding
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.audit.sources import page as page_of
from tests.audit.conftest import altered, audit
from tests.audit.machine import audited as stored
from tests.audit.made import answered
from tests.audit.planted.server import audited

LIE = "<script>alert(1)</script>"
VOID = {"meta", "input"}


class Page(HTMLParser):
    """Reads the page and notes what it refers to and whether it is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.refers: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href", "action", "poster")]
        self.ids += [named["id"] or ""] if "id" in named else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def flawed() -> str:
    return render([audited(no_pkce_advertised=True, challenge=(f'Bearer realm="{LIE}"',))])


def test_it_is_whole_and_every_anchor_leads_somewhere() -> None:
    page = Page(flawed())

    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {each[1:] for each in page.refers if each.startswith("#")} <= set(page.ids)


def test_nothing_is_fetched() -> None:
    text = flawed()
    outside = [each for each in Page(text).refers if not each.startswith("#")]

    assert all(each.startswith("https://") for each in outside)  # links to the specifications, to be clicked
    assert not re.search(r"<(img|link|iframe|object|embed|audio|video)\b|@import|url\(", text)
    assert "default-src 'none'" in unescape(text)


def test_its_policy_allows_its_own_style_and_script_only() -> None:
    text = flawed()
    for tag in ("style", "script"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in unescape(text)


def test_text_of_servers_stays_text() -> None:
    text = flawed()

    assert LIE not in text
    assert "&lt;script&gt;alert(1)" in text


def test_an_honest_server_is_told_so() -> None:
    assert "No issues found" in render([audited()])


def test_several_targets_and_one_that_could_not_be_examined() -> None:
    gone = Unexamined("https://gone.example/mcp", "no connection")
    text = render([audited(), audited(no_pkce_advertised=True)], [gone])

    assert "Audit of 3 targets" in text
    assert "no connection" in text
    assert Page(text).open == []


def test_a_report_without_messages_has_no_flow() -> None:
    text = render([audit(altered(code_challenge=None))])

    assert "The flow" not in text
    assert "CL-PKCE-01" in text
    assert Page(text).open == []


def test_each_message_is_marked_with_what_was_found_in_it() -> None:
    seen = (answered(number=1), answered(number=2))
    found = tuple(
        ReportedFinding(CATALOGUE[0], Finding("here", f"of {each.number}", at=each)) for each in seen
    )
    text = render([SecurityReport("https://mcp.example/mcp", found, exchanges=seen)])

    assert re.findall(r'class="said">(of \d)<', text) == ["of 1", "of 2"]


def test_fifty_targets_keep_their_anchors_apart() -> None:
    page = Page(render([audited(no_pkce_advertised=True)] * 50))

    assert len(page.ids) == len(set(page.ids))
    assert {each[1:] for each in page.refers if each.startswith("#")} <= set(page.ids)


def test_a_rule_leads_to_its_page() -> None:
    assert page_of("AS-PKCE-01") in Page(flawed()).refers


def test_what_sent_nothing_has_no_flow_and_is_whole() -> None:
    report = stored(
        lambda each: each.write(".codex/auth.json", {"tokens": {"refresh_token": "kZ0wq3Xn7Vb1Tt5Lr9Pd"}})
    )
    page = Page(text := render([report]))

    assert page.open == []
    assert "The flow" not in text
    assert "~/.codex/auth.json: tokens.refresh_token" in text
    assert {each[1:] for each in page.refers if each.startswith("#")} <= set(page.ids)


def test_what_could_not_be_examined_is_green_neither_alone_nor_among_others() -> None:
    unseen = SecurityReport("x {url}", unexamined=Unexamined("x {url}", "so", ("boom",)))

    for text in (render([unseen]), render([unseen, unseen])):
        assert 'class="verdict tone-good"' not in text
        assert 'class="target-of tone-good"' not in text
        assert "ould not be examined" in text
        assert "boom" in text
    assert 'class="verdict tone-good"' not in render([], [Unexamined("x", "so")] * 2)
