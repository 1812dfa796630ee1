"""Where a client runs: a home of its own, an almost empty environment, and browsers that only tell."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

BROWSERS = (
    "xdg-open",
    "open",
    "sensible-browser",
    "x-www-browser",
    "www-browser",
    "gnome-open",
    "kde-open",
    "wslview",
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "firefox",
    "microsoft-edge",
    "brave-browser",
    "powershell.exe",
    "cmd.exe",
)
"""What programs in any language start to show a URL; each becomes a stand-in, first in PATH."""

MARK = "MCP_VACUUM_AUDIT_RUN"
"""In the environment of everything that a run starts, so that what it leaves behind can be found."""

_STAND_IN = """#!{python} -IS
import json, os, sys, time
spool = {spool!r}
name = f"{{time.time_ns()}}-{{os.getpid()}}"
with open(os.path.join(spool, name + ".new"), "w") as file:
    json.dump(sys.argv[1:], file)
os.rename(os.path.join(spool, name + ".new"), os.path.join(spool, name + ".json"))
"""


@dataclass(frozen=True, slots=True)
class Home:
    """A directory with everything of one run.

    Attributes:
        root: It is removed after the run.
        mark: The value of `MARK`.
    """

    root: Path
    mark: str

    @classmethod
    def make(cls, root: Path, mark: str) -> Home:
        """Make the directories and the stand-ins."""
        home = cls(root, mark)
        for folder in (home.directory, home.programs, home.spool, home.temporary, home.files):
            folder.mkdir(mode=0o700)
        text = _STAND_IN.format(python=sys.executable, spool=str(home.spool))
        for name in ("browser", *BROWSERS):
            program = home.programs / name
            program.write_text(text, encoding="utf-8")
            program.chmod(0o700)
        return home

    @property
    def directory(self) -> Path:
        """The client's home directory, and where it starts."""
        return self.root / "home"

    @property
    def programs(self) -> Path:
        """The stand-ins."""
        return self.root / "bin"

    @property
    def spool(self) -> Path:
        """What the stand-ins were asked to open, one file each."""
        return self.root / "opened"

    @property
    def files(self) -> Path:
        """What a scenario writes for the client to read."""
        return self.root / "files"

    @property
    def temporary(self) -> Path:
        """The client's TMPDIR."""
        return self.root / "tmp"

    def environment(self, keep: Iterable[str] = (), given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the client's environment.

        Args:
            keep: Variables of ours that it gets too.
            given: Our environment.
        """
        own, home = str(self.programs / "browser"), self.directory
        return {
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            **{name: given[name] for name in keep if name in given},
            "PATH": os.pathsep.join([str(self.programs), given.get("PATH", os.defpath)]),
            "HOME": str(home),
            "USERPROFILE": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_RUNTIME_DIR": str(self.temporary),
            "TMPDIR": str(self.temporary),
            "MCP_VACUUM_HOME": str(home / "mcp-vacuum"),
            "MCP_VACUUM_KEY_SOURCE": "file",
            "MCP_VACUUM_AGENT": "off",
            "BROWSER": own,
            "NO_PROXY": "127.0.0.1,localhost,::1",
            MARK: self.mark,
        }

    def opened(self) -> list[list[str]]:
        """Return what was opened since the last call: the arguments of each stand-in, in order."""
        found = []
        for file in sorted(self.spool.glob("*.json")):
            found.append([str(each) for each in json.loads(file.read_text(encoding="utf-8"))])
            file.unlink()
        return found


def url_in(arguments: Iterable[str]) -> str:
    """Return the URL that a browser was asked to open: the first argument that is no option, else the first.

    A URL that begins with a dash looks like an option, and is one to a browser.
    """
    given = list(arguments)
    return next((each for each in given if not each.startswith("-")), given[0] if given else "")
