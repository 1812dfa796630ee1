"""The page: whole, escaped, and in need of nothing from anywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.report import Unexamined
from tests.audit.machine import audited as stored
from tests.audit.planted.server import audited

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_a_browser_shows_it_without_a_complaint(tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(flawed(), encoding="utf-8")
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", "--enable-logging=stderr", "--log-level=0"]
    size = ["--window-size=1280,1600", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [CHROMIUM, *flags, *size, f"--screenshot={picture}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert picture.stat().st_size > 50_000, done.stderr[-500:]
    assert "CONSOLE" not in done.stderr


def test_what_sent_nothing_has_no_flow_and_is_whole() -> None:
    report = stored(
        lambda each: each.write(".codex/auth.json", {"tokens": {"refresh_token": "kZ0wq3Xn7Vb1Tt5Lr9Pd"}})
    )
    page = Page(text := render([report]))

    assert page.open == []
    assert "The flow" not in text
    assert "~/.codex/auth.json: tokens.refresh_token" in text
    assert {each[1:] for each in page.refers if each.startswith("#")} <= set(page.ids)
