"""`make screens`: run real commands in a real terminal and keep what a person sees.

Writes `<name>.txt` and `<name>.svg` beside this file. Ports, client IDs, paths and moments are replaced by
fixed ones, so that a re-run changes only what the program changed. Everything happens on loopback, in a
scratch home; a screen that shows a secret is an error.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import picture
import terminal

from mcp_vacuum.lab import Lab, LabConfig

HERE = Path(__file__).parent
PROGRAM = "mcp-vacuum"
SAYS_YES = f"{sys.executable} -m mcp_vacuum.lab.user %s"
SAYS_NO = f"{sys.executable} -m mcp_vacuum.lab.user --deny %s"
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}")
FIRST_PORT = 41001
AGO = re.compile(r"\b(?:in )?\d+ (s|min)\b(?: ago)?(?=\s*$|\x1b)")


def main() -> None:
    """Make all screens."""
    with _stage() as stage:
        stage.show("demo", "demo")
        with stage.lab() as lab:
            stage.show("login", "login", lab.mcp_url)
            stage.show("status", "status", lab.mcp_url)
            stage.show("list", "list")
            stage.show("tools", "tools", lab.mcp_url)
        with stage.lab() as lab:
            stage.show("error-no-login", "token", lab.mcp_url, code=3)
        with stage.lab() as lab:
            lab.faults.no_pkce_advertised = True
            stage.show("error-broken-rule", "login", lab.mcp_url, code=4)
        with stage.lab() as lab:
            stage.show("error-declined", "login", lab.mcp_url, code=3, browser=SAYS_NO)


@dataclass
class Stage:
    """Where the commands run, and what has to be replaced in what they print.

    Attributes:
        home: The scratch home of all state.
        labs: Whose secrets must not show.
        ports: Each port that was seen, and the one that is shown instead.
    """

    home: Path
    labs: list[Lab] = field(default_factory=list)
    ports: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def lab(self) -> Iterator[Lab]:
        """Start a laboratory."""
        with Lab(LabConfig()) as lab:
            self.labs.append(lab)
            yield lab

    def show(self, name: str, *arguments: str, code: int = 0, browser: str = SAYS_YES) -> None:
        """Run a command and write its screen.

        Raises:
            SystemExit: It ended with another code, or shows a secret.
        """
        printed, ended = terminal.run([_program(), *arguments], self._environment(browser))
        if ended != code:
            raise SystemExit(f"{name}: exit code {ended}, not {code}\n{printed}")
        self._refuse_secrets(name, printed)
        lines = [f"\x1b[1m$ {PROGRAM} {' '.join(arguments)}\x1b[0m", *terminal.screen(printed)]
        while not lines[-1]:
            lines.pop()
        if code:
            lines += ["\x1b[1m$ echo $?\x1b[0m", str(code)]
        text = self._fixed("\n".join(lines))
        title = f"{PROGRAM} {arguments[0]}"
        _write(HERE / f"{name}.txt", "".join(f"{terminal.plain(line)}\n" for line in text.splitlines()))
        _write(HERE / f"{name}.svg", picture.svg(text, title, terminal.COLUMNS))
        wide = max(len(terminal.plain(line)) for line in text.splitlines())
        print(f"{name:20} {len(lines):3} lines, widest {wide}")

    def _environment(self, browser: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "BROWSER": browser,
            "MCP_VACUUM_HOME": str(self.home / "state"),
            "MCP_VACUUM_KEY_SOURCE": "file",
        }

    def _refuse_secrets(self, name: str, printed: str) -> None:
        secrets = [
            secret
            for lab in self.labs
            for kind in (lab.issued_access_tokens, lab.issued_refresh_tokens, lab.issued_codes)
            for secret in kind
        ]
        if any(secret in printed for secret in secrets):
            raise SystemExit(f"{name} shows a secret; nothing was written")

    def _fixed(self, text: str) -> str:
        """Put fixed values in the place of those that differ from run to run, of the same width."""
        for port in PORT.findall(text):
            self.ports.setdefault(port, str(FIRST_PORT + len(self.ports)))
        text = PORT.sub(lambda found: self.ports[found.group()], text)
        for lab in self.labs:
            for request in lab.recorder.to("/authorize"):
                for client in request.query.get("client_id", ()):
                    text = text.replace(
                        client, "client-of-this-example"[: len(client)].ljust(len(client), "0")
                    )
        text = AGO.sub("1 s ago", text)
        return text.replace(str(self.home / "state"), "~/.local/share/mcp-vacuum")


@contextmanager
def _stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="mcp-vacuum-screens-") as folder:
        yield Stage(Path(folder))


def _program() -> str:
    return str(Path(sys.executable).with_name(PROGRAM))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
