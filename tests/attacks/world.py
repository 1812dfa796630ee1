"""A victim's machine for one attack: a store, a home, somebody who says yes, and servers that hate them."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.login import LoginOptions, LoginResult, Ways, login_blocking
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from tests.attacks.hostile import Hostile
from tests.attacks.internet import Internet
from tests.helpers import AGREES, visited_by

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that stood in the terminal."""
        return self.out + self.err


class World:
    """Everything that one attack needs; it is gone afterwards."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.patch = pytest.MonkeyPatch()
        self.error: BaseException | None = None
        self.loot: list[str] = []
        self.told: list[str] = []
        self.visited: list[str] = []
        self.meanwhile: list[threading.Event] = []
        self.user = User(timeout=10)
        self.store: CredentialStore = memory_store()

    def __enter__(self) -> Self:
        self._stack.callback(self.patch.undo)
        for name in [name for name in os.environ if name.startswith(("MCP_VACUUM_", "PYTHON_KEYRING"))]:
            self.patch.delenv(name)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            self.patch.delenv(name, raising=False)
        self.root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="attack-")))
        self.home = self.root / "home"
        self.patch.setenv("MCP_VACUUM_HOME", str(self.home))
        self.patch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
        self.patch.setenv("MCP_VACUUM_AGENT", "off")  # a defence is switched off in this process
        self.patch.setenv("HOME", str(self.root))
        ACCESS_TOKENS._held.clear()
        return self

    def __exit__(self, *_: object) -> None:
        ACCESS_TOKENS._held.clear()
        self._stack.close()

    # --- servers --------------------------------------------------------------------------------------

    def lab(self, **config: Any) -> Lab:
        """An honest server; `faults` makes it a little less so."""
        return self._stack.enter_context(Lab(LabConfig(**config)))

    def hostile(self, **settings: Any) -> Hostile:
        """A server that does what it is told."""
        return self._stack.enter_context(Hostile(**settings))

    def internet(self) -> Internet:
        """Names and addresses under our control."""
        return self._stack.enter_context(Internet(self.patch, self.root))

    # --- the victim -----------------------------------------------------------------------------------

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do something as the victim; what goes wrong is what the user sees."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the user sees it
            self.error = error
            return None

    def log_in(self, url: str, *, ways: Ways | None = None, **options: Any) -> LoginResult | None:
        """Log in as a library does. The person visits what they are sent to, and says yes."""
        options.setdefault("timeout", 5)
        chosen = LoginOptions(**options)
        done = self.attempt(
            lambda: login_blocking(
                url,
                chosen,
                store=self.store,
                ways=ways or visited_by(_Noting(self)),  # type: ignore[arg-type]
                show_code=lambda code: self.told.append(str(code)),
                progress=lambda step, text: self.told.append(text),
            )
        )
        for interference in self.meanwhile:  # a login may end before who ended it has noted the fact
            interference.wait(10)
        return done

    def cli(self, *arguments: str, stdin: str = "") -> Done:
        """Run a command line in this process, as a new process would begin."""
        from mcp_vacuum.cli.main import run

        ACCESS_TOKENS._held.clear()
        self.patch.setattr("mcp_vacuum.cli.commands.login.open_browser", self._browse)
        self.patch.setattr("sys.stdin", io.StringIO(stdin))
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = run(list(arguments))
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Done(code, out.getvalue(), err.getvalue())

    def _browse(self, url: str) -> bool:
        self.visited.append(url)
        self.user.visit(url)
        return True

    def agreed(self, url: str) -> str:
        """Visit a URL and say yes; returns where it ended."""
        return self.user.visit(url)


class _Noting:
    """The lab's user, and a note of where they were sent."""

    def __init__(self, world: World) -> None:
        self._world = world

    def visit(self, url: str) -> str:
        self._world.visited.append(url)
        with suppress(OSError, RuntimeError, ValueError):  # as a browser: it shows an error page
            return self._world.user.visit(url)
        return url


__all__ = ["AGREES", "Done", "World"]
