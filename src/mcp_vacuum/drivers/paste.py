"""Takes the whole redirect URL from a person who logged in on another machine."""

from __future__ import annotations

from collections.abc import Callable

from mcp_vacuum.errors import LoginDeclined
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.url import BrowserUrl

_TRIES = 3


class PasteVisit:
    """Shows the URL and reads the redirect URL back; it is checked like any other.

    A bare code is refused: it carries neither `state` nor `iss`.
    """

    def __init__(self, show: Callable[[BrowserUrl], None], read_line: Callable[[str], str]) -> None:
        """Prepare a visit.

        Args:
            show: Shows the URL to open elsewhere.
            read_line: Prompts and returns one line; the empty string at the end of input.
        """
        self._show = show
        self._read_line = read_line

    def visit(self, authorize: Authorize) -> str:
        """See `drivers.aio.Person`."""
        self._show(authorize.url)
        prompt = "paste the whole address that the browser ended at: "
        for _ in range(_TRIES):
            line = self._read_line(prompt).strip()
            if not line:
                raise LoginDeclined("no address was pasted", hint="run the login again")
            if authorize.accepts(line):
                return line
            prompt = f"{_complaint(line)}; again: "
        raise LoginDeclined(f"{_TRIES} addresses were pasted and none belongs to this login")


def _complaint(line: str) -> str:
    if not line.startswith(("http://", "https://")):
        return "that is not an address; a code alone proves nothing, the whole address is needed"
    return "that address does not belong to this login"
