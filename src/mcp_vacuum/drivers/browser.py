"""Shows a person the authorization URL in their own browser: once, in one tab, without a shell."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.url import BrowserUrl

_OPEN = "import sys, webbrowser; sys.exit(0 if webbrowser.open(sys.argv[1]) else 1)"

Opener = Callable[[BrowserUrl], bool]
Teller = Callable[[BrowserUrl], None]


def open_browser(url: BrowserUrl) -> bool:
    """Open `url` as Python's `webbrowser` does, `$BROWSER` included; True if a browser took it.

    It runs in an isolated interpreter with no standard streams, so that a chatty browser cannot write into
    our output and nothing in the current directory is imported.
    """
    command = [sys.executable, "-I", "-c", _OPEN, url]
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, check=False).returncode == 0  # noqa: S603


class BrowserVisit:
    """A person with a browser on this machine, or at the other end of a forwarded port."""

    def __init__(
        self,
        listener: LoopbackListener,
        *,
        timeout: float,
        opener: Opener | None = open_browser,
        show: Teller = lambda url: None,
    ) -> None:
        """Prepare a visit.

        Args:
            listener: Where the redirect arrives.
            timeout: Seconds to wait for the person.
            opener: Opens the browser; None opens nothing.
            show: Called with the URL where no browser took it, so that the person can open it elsewhere.
        """
        self._listener = listener
        self._timeout = timeout
        self._opener = opener
        self._show = show

    def visit(self, authorize: Authorize) -> str:
        """See `drivers.aio.Person`."""
        self._listener.expect(authorize.accepts)
        if self._opener is None:
            self._show(authorize.url)
        else:
            # A text browser, or a program named in $BROWSER, may end only after the callback.
            threading.Thread(target=self._open, args=(self._opener, authorize.url), daemon=True).start()
        return self._listener.wait(authorize.accepts, self._timeout)

    def _open(self, opener: Opener, url: BrowserUrl) -> None:
        if not opener(url):
            self._show(url)
