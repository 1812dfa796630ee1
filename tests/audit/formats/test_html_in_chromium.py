"""The page in a real browser: what it shows, hides and asks the network for."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.report import SecurityReport
from tests.audit.planted.server import audited

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--log-level=0",
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
LIGHT, DARK = (b"\xb8\x3b\x0b", b"\xf6\xf7\xf9"), (b"\xff\x9a\x62", b"\x0f\x15\x1c")
"""The colours of a high severity and of the paper."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: the page is not shown"),
]


@cache
def flawed() -> SecurityReport:
    return audited(no_pkce_advertised=True, challenge=("Bearer realm=x",))


def long() -> SecurityReport:
    """Return a report of 200 exchanges with seven servers."""
    seen = flawed().exchanges
    urls = [f"https://server-number-{n}.of-a-long-name.example/{'path/' * 12}" for n in range(6)]
    more = [
        replace(seen[n % len(seen)], number=n + 1, url=urls[n % len(urls)]) for n in range(len(seen), 200)
    ]
    return replace(flawed(), exchanges=(*seen, *more))


class Browser:
    """Chromium, with a profile of its own for each page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0

    def run(self, text: str, *flags: str, fragment: str = "") -> subprocess.CompletedProcess[str]:
        """Show a page, and return what the browser said."""
        self.runs += 1
        page = self.folder / f"page-{self.runs}.html"
        page.write_text(text, encoding="utf-8")
        assert CHROMIUM is not None
        profile = f"--user-data-dir={self.folder / f'profile-{self.runs}'}"
        return subprocess.run(
            [CHROMIUM, *FLAGS, profile, *flags, page.as_uri() + fragment],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )

    def dom(self, text: str, *flags: str, fragment: str = "") -> str:
        """Return the document as the script left it."""
        return self.run(text, "--dump-dom", *flags, fragment=fragment).stdout

    def colours(self, text: str, *flags: str) -> Counter[bytes]:
        """Return the colours of a picture of the page."""
        picture = self.folder / "picture.png"
        self.run(text, f"--screenshot={picture}", "--window-size=500,700", *flags)
        return pixels(picture.read_bytes())


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def pixels(png: bytes) -> Counter[bytes]:
    """Count the colours of a PNG of 8 bits a channel, not interlaced."""
    width, height, kind = int.from_bytes(png[16:20]), int.from_bytes(png[20:24]), png[25]
    size = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    raw, stride = zlib.decompress(packed), 1 + width * size
    found, above = Counter[bytes](), bytes(width * size)
    for row in range(height):
        above = _unfiltered(raw[row * stride : (row + 1) * stride], above, size)
        found.update(above[x : x + 3] for x in range(0, len(above), size))
    return found


def _unfiltered(line: bytes, above: bytes, size: int) -> bytes:
    kind, out = line[0], bytearray(line[1:])
    for x in range(len(out)):
        left, up = (out[x - size] if x >= size else 0), above[x]
        corner = above[x - size] if x >= size else 0
        out[x] = (out[x] + (0, left, up, (left + up) // 2, _nearest(left, up, corner))[kind]) & 255
    return bytes(out)


def _nearest(left: int, up: int, corner: int) -> int:
    return min((left, up, corner), key=lambda each: abs(left + up - corner - each))


def without_policy(text: str) -> str:
    stripped, count = POLICY.subn("", text)
    assert count == 1
    return stripped


def probed(text: str, script: str) -> str:
    """Let the page say the value of an expression in its DOM."""
    told = f"<script>document.documentElement.dataset.told = {script}</script>"
    return without_policy(text).replace("</body>", f"{told}</body>")


def told(dom: str) -> str:
    found = re.search(r'data-told="([^"]*)"', dom)
    assert found is not None
    return unescape(found[1])


def test_it_is_shown_in_the_colours_of_the_day_and_of_the_night(browser: Browser) -> None:
    text = render([flawed()])
    day = browser.colours(text)
    night = browser.colours(text, "--blink-settings=preferredColorScheme=0")

    assert all(day[colour] > 200 for colour in LIGHT)
    assert all(night[colour] > 200 for colour in DARK)
    assert not any(day[colour] for colour in DARK)


def test_the_browser_complains_about_nothing(browser: Browser) -> None:
    assert "CONSOLE" not in browser.run(render([flawed()]), "--dump-dom").stderr
    assert "CONSOLE" in browser.run(render([flawed()]).replace("<i ", "<i style='x:y' "), "--dump-dom").stderr


@pytest.mark.parametrize(
    ("hidden", "shown"), [("", ""), ("#hide=low", "1 of 3 shown"), ("#hide=high", "2 of 3 shown")]
)
def test_a_severity_is_hidden(browser: Browser, hidden: str, shown: str) -> None:
    assert len({each.rule.id for each in flawed().findings}) == 3
    dom = browser.dom(render([flawed()]), fragment=hidden)

    assert f'<span id="shown" aria-live="polite">{shown}</span>' in dom


def test_a_link_into_a_fold_opens_it(browser: Browser) -> None:
    text = render([long()])
    closed, opened = browser.dom(text), browser.dom(text, fragment="#exchange-100")

    assert '<li class="quiet"><details open' not in closed
    assert opened.count('<li class="quiet"><details open') == 1
    assert re.search(r'id="exchange-100"[^>]*><details open', opened)


@pytest.mark.parametrize("width", [400, 700, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, width: int) -> None:
    text = render([long(), flawed()]).replace("<details", "<details open")
    asked = probed(text, "`${document.documentElement.scrollWidth} ${innerWidth}`")
    wide, window = told(browser.dom(asked, f"--window-size={width},900")).split()

    assert int(wide) <= int(window)
    assert int(window) <= width or width == 400


def test_a_printed_page_shows_what_is_folded_on_the_screen(browser: Browser) -> None:
    paper = browser.folder / "page.pdf"
    short, whole = render([flawed()]), render([flawed()] * 6)
    sizes = []
    for text in (short, whole):
        browser.run(text, f"--print-to-pdf={paper}")
        assert paper.read_bytes().startswith(b"%PDF-")
        sizes.append(len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())))

    assert sizes[1] >= 4 * sizes[0] > 0


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Run a server that notes what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_a_hole_in_the_escaping_would_fetch_stays_unfetched(browser: Browser) -> None:
    with listening() as (url, asked):
        hole = (
            f"<img src='{url}/image'><link rel=stylesheet href='{url}/style'><script src='{url}/js'></script>"
        )
        text = render([flawed()]).replace("<main>", f"<main>{hole}")
        browser.dom(text)
        assert asked == []
        browser.dom(without_policy(text))

    assert sorted(asked) == ["/image", "/js", "/style"]
