from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from mcp_vacuum.drivers.browser import BrowserVisit, open_browser
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import LoginDeclined
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.url import BrowserUrl

URL = BrowserUrl("https://as.example/authorize?client_id=c&state=s%20%22x%22&resource=https%3A%2F%2Fh")

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="the browser of these tests is a script with a #! line"
)

Program = Callable[[str], Path]


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Make a program the browser: `$BROWSER`, as Python's `webbrowser` reads it."""

    def become(body: str) -> Path:
        program, note = tmp_path / "browser", tmp_path / "note.json"
        program.write_text(
            f"#!{sys.executable} -I\n"
            "import json, os, pathlib, sys, time, urllib.request\n"
            f"pathlib.Path({str(note)!r}).write_text(json.dumps(sys.argv[1:]))\n" + body
        )
        program.chmod(0o700)
        monkeypatch.setenv("BROWSER", str(program))
        return note

    return become


class TestOpenBrowser:
    def test_the_url_arrives_as_one_argument_as_it_was(self, browser: Program) -> None:
        note = browser("")

        assert open_browser(URL)
        assert json.loads(note.read_text()) == [URL]

    def test_what_the_browser_says_does_not_reach_us(
        self, browser: Program, capfd: pytest.CaptureFixture[str]
    ) -> None:
        browser("print('to stdout', flush=True); print('to stderr', file=sys.stderr); os.write(1, b'raw')")

        assert open_browser(URL)
        assert capfd.readouterr() == ("", "")

    def test_it_cannot_read_our_input(self, browser: Program) -> None:
        browser("sys.exit(1 if sys.stdin.read() else 0)")

        assert open_browser(URL)

    def test_a_browser_that_fails_is_told(self, browser: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        browser("sys.exit(3)")
        # Nothing else to fall back on.
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.delenv("DISPLAY", raising=False)

        assert not open_browser(URL)

    def test_nothing_of_the_current_directory_is_imported(
        self, browser: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        note = browser("")
        trap = tmp_path / "trap"
        trap.mkdir()
        (trap / "webbrowser.py").write_text("raise SystemExit('trapped')")
        monkeypatch.chdir(trap)
        monkeypatch.setenv("PYTHONPATH", str(trap))

        assert open_browser(URL)
        assert note.exists()


def visit_of(listener: LoopbackListener) -> Authorize:
    return Authorize(
        BrowserUrl(f"{listener.redirect_uri}?code=c&state=s"),
        listener.redirect_uri,
        lambda url: "state=s" in url,
    )


def fetch(url: str) -> bool:
    """A browser that follows the redirect at once: it opens the callback itself."""
    with build_opener(ProxyHandler({})).open(url, timeout=3) as response:
        return bool(response.read())


class TestBrowserVisit:
    def test_the_answer_comes_back(self) -> None:
        with LoopbackListener() as listener:
            visit = visit_of(listener)

            assert BrowserVisit(listener, timeout=3, opener=fetch).visit(visit) == visit.url

    def test_a_real_program_of_the_environment_does_it(self, browser: Program) -> None:
        browser(
            "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=3).read()"
        )
        with LoopbackListener() as listener:
            visit = visit_of(listener)

            assert BrowserVisit(listener, timeout=5).visit(visit) == visit.url

    def test_an_answer_that_comes_before_the_waiting_begins_counts(self) -> None:
        class Slow(LoopbackListener):
            def wait(self, accepts: Callable[[str], bool], timeout: float) -> str:
                opened.wait(3)
                return super().wait(accepts, timeout)

        opened = threading.Event()

        def quick(url: str) -> bool:
            try:
                return fetch(url)
            finally:
                opened.set()

        with Slow() as listener:
            visit = visit_of(listener)

            assert BrowserVisit(listener, timeout=0.4, opener=quick).visit(visit) == visit.url

    def test_a_browser_that_blocks_until_the_callback_is_no_trouble(self) -> None:
        # A text browser, or a program in $BROWSER, may end only afterwards.
        done = threading.Event()

        def blocking(url: str) -> bool:
            fetch(url)
            return done.wait(5)

        with LoopbackListener() as listener:
            started = time.monotonic()
            try:
                BrowserVisit(listener, timeout=3, opener=blocking).visit(visit_of(listener))
                took = time.monotonic() - started
            finally:
                done.set()

        assert took < 2

    def test_where_no_browser_takes_it_the_url_is_shown(self) -> None:
        shown: list[str] = []

        def elsewhere(url: BrowserUrl) -> None:
            shown.append(url)
            fetch(url)

        with LoopbackListener() as listener:
            visit = visit_of(listener)
            BrowserVisit(listener, timeout=3, opener=lambda url: False, show=elsewhere).visit(visit)

        assert shown == [visit.url]

    def test_where_one_takes_it_nothing_is_shown(self) -> None:
        shown: list[str] = []
        with LoopbackListener() as listener:
            BrowserVisit(listener, timeout=3, opener=fetch, show=shown.append).visit(visit_of(listener))

        assert shown == []

    def test_without_an_opener_it_is_only_shown(self) -> None:
        shown: list[str] = []
        with LoopbackListener() as listener:
            person = BrowserVisit(listener, timeout=0.05, opener=None, show=shown.append)
            with pytest.raises(LoginDeclined):
                person.visit(visit_of(listener))

        assert len(shown) == 1

    def test_it_is_opened_once(self) -> None:
        opened: list[str] = []
        with LoopbackListener() as listener:
            person = BrowserVisit(listener, timeout=0.1, opener=lambda url: not opened.append(url))  # type: ignore[func-returns-value]
            with pytest.raises(LoginDeclined):
                person.visit(visit_of(listener))

        assert len(opened) == 1
