"""`python -m mcp_vacuum` as a person on a fresh machine would run it."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TIMEOUT = 60
NOT_INHERITED = {"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "BROWSER"}


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The error object that --json puts on stderr."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("{")]
        document: dict[str, Any] = json.loads(lines[-1])["error"]
        return document

    @property
    def told(self) -> str:
        """What a failed assertion shows."""
        return f"stdout: {self.stdout}\nstderr: {self.stderr}"

    def ok(self) -> "Result":
        """This result, which must be a success."""
        assert self.code == 0, f"exit {self.code}\n{self.told}"
        return self

    def exited(self, code: int) -> "Result":
        """This result, which must have this exit code."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.told}"
        return self


@dataclass
class CommandLine:
    """Runs mcp-vacuum with all its state under `root`, without an agent and without a keyring."""

    root: Path
    trap_notes: Path = field(init=False)

    def __post_init__(self) -> None:
        self.trap_notes = self.root / "trap-notes.txt"
        self.home.mkdir(mode=0o700)

    @property
    def home(self) -> Path:
        """The person's home directory; the state directory is in it."""
        return self.root / "home"

    # Browsers to choose from.

    @property
    def says_yes(self) -> str:
        return _browser("browser.py")

    @property
    def says_no(self) -> str:
        return _browser("browser.py", "--deny")

    @property
    def trap(self) -> str:
        """A browser that must not be started: it notes the call and fails."""
        return _browser("trap_browser.py", str(self.trap_notes))

    def browser_was_started(self) -> bool:
        """Did anything start the trap?"""
        return self.trap_notes.exists()

    # Running.

    def __call__(self, *arguments: str, browser: str | None = None) -> Result:
        """Run to the end, at most 60 s."""
        return finish(self.start(*arguments, browser=browser))

    def start(self, *arguments: str, browser: str | None = None) -> subprocess.Popen[str]:
        """Start only; `finish` waits for the end."""
        return subprocess.Popen(
            [sys.executable, "-m", "mcp_vacuum", *arguments],
            cwd=self.home,
            env=self._environment(browser or self.says_yes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self, browser: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _is_personal(name)}
        return {
            **kept,
            "HOME": str(self.home),
            "MCP_VACUUM_HOME": str(self.home / "state"),
            "MCP_VACUUM_KEY_SOURCE": "file",
            "MCP_VACUUM_AGENT": "off",
            "BROWSER": browser,
            "NO_PROXY": "127.0.0.1,localhost",
        }


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for the end of a command that `CommandLine.start` started."""
    try:
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"not done after {TIMEOUT} s\nstdout: {stdout}\nstderr: {stderr}") from None
    return Result(process.returncode, stdout, stderr)


def _browser(program: str, *arguments: str) -> str:
    """A $BROWSER as Python's `webbrowser` reads it: a command line with %s for the URL."""
    return " ".join([*map(shlex.quote, (sys.executable, str(HERE / program), *arguments)), "%s"])


def _is_personal(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(("MCP_VACUUM_", "XDG_")) or upper.endswith("_PROXY") or upper in NOT_INHERITED
