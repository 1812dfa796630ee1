"""A desktop session whose keyring comes and goes; runs under `dbus-run-session`.

Reads a JSON list a line, answers each with one JSON value: `["start"]` and `["kill"]` the keyring,
`["run", ARGUMENTS...]` the command line, `["use", URL]` one login in this very process, again and again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from mcp_vacuum.errors import VacuumError
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.tokens.source import Headers, TokenSource
from tests.reliability.programs.login import token_source

KEYRING = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
ASK_BUS = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]
OWNED = [*ASK_BUS, "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]


class Desktop:
    """What the lines ask for."""

    def __init__(self) -> None:
        self._keyring: subprocess.Popen[bytes] | None = None
        self._source: TokenSource | None = None
        self._headers: Headers | None = None

    def start(self) -> bool:
        """Start the keyring, unlocked; true when it is on the bus."""
        self._keyring = subprocess.Popen(
            [*KEYRING, "--replace"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._keyring.stdin is not None
        self._keyring.stdin.write(b"test")
        self._keyring.stdin.close()
        return self._until_owned(True)

    def kill(self) -> bool:
        """Kill it; true when it is off the bus."""
        assert self._keyring is not None
        self._keyring.kill()
        self._keyring.wait()
        return self._until_owned(False)

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run the command line in a process of its own."""
        began = time.monotonic()
        command = [sys.executable, "-m", "mcp_vacuum", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        took = time.monotonic() - began
        out = shown(done.stdout.strip()) if arguments[0] == "token" and done.stdout else done.stdout
        return {"code": done.returncode, "out": out, "err": done.stderr, "took": took}

    def use(self, url: str) -> str:
        """Use the login in this process; each further use refuses the token of the one before."""
        try:
            self._source = self._source or token_source(url)
            self._headers = self._source.headers_blocking("GET", url, refused=self._headers)
        except VacuumError as error:
            return f"{error.code}: {error.message}"
        return shown(self._headers["Authorization"].partition(" ")[2])

    def end(self) -> None:
        """End the keyring."""
        if self._keyring is not None and self._keyring.poll() is None:
            self.kill()

    def _until_owned(self, wanted: bool) -> bool:
        for _ in range(1000):
            told = subprocess.run(OWNED, capture_output=True, text=True, check=True).stdout
            if ("true" in told) is wanted:
                return True
            time.sleep(0.01)
        return False


def main() -> None:
    """Do what each line says."""
    desktop = Desktop()
    try:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            print(json.dumps(getattr(desktop, name)(*arguments)), flush=True)
    finally:
        desktop.end()


if __name__ == "__main__":
    main()
