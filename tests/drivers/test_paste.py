from __future__ import annotations

import pytest

from mcp_vacuum.drivers.paste import PasteVisit
from mcp_vacuum.errors import LoginDeclined
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.url import BrowserUrl

URL = BrowserUrl("https://as.example/authorize?state=s")
GOOD = "http://127.0.0.1:1/callback?code=c&state=s"
VISIT = Authorize(URL, "http://127.0.0.1:1/callback", lambda url: url == GOOD)


class Terminal:
    """Somebody who pastes one line after the other."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.shown: list[str] = []
        self.prompts: list[str] = []

    def read(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.lines.pop(0)

    def visit(self) -> str:
        return PasteVisit(self.shown.append, self.read).visit(VISIT)


def test_the_url_is_shown_once_and_the_whole_address_is_taken() -> None:
    terminal = Terminal(f"  {GOOD}\n")

    assert terminal.visit() == GOOD
    assert terminal.shown == [URL]
    assert "whole address" in terminal.prompts[0]


def test_a_bare_code_is_refused_with_the_reason() -> None:
    terminal = Terminal("the-code", GOOD)

    assert terminal.visit() == GOOD
    assert "a code alone proves nothing" in terminal.prompts[1]
    assert "the-code" not in terminal.prompts[1]


def test_an_address_of_another_login_is_refused() -> None:
    terminal = Terminal(GOOD.replace("state=s", "state=foreign"), GOOD)

    assert terminal.visit() == GOOD
    assert "does not belong to this login" in terminal.prompts[1]


def test_there_are_three_tries() -> None:
    terminal = Terminal("one", "two", "three", GOOD)
    with pytest.raises(LoginDeclined, match="3 addresses") as caught:
        terminal.visit()

    assert terminal.lines == [GOOD]
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("line", ["", "\n", "   "])
def test_an_empty_line_gives_up(line: str) -> None:
    with pytest.raises(LoginDeclined, match="no address was pasted"):
        Terminal(line, GOOD).visit()
