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
PID = re.compile(r"(?<=\bpid)(\x1b\[0m)?  \d+")
PYTHON_PROGRAM = """
import os
import httpx2
from mcp_vacuum import VacuumAuth
ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
accept = {"Accept": "application/json, text/event-stream"}
answer = httpx2.post(os.environ["SERVER"], json=ping, headers=accept, auth=VacuumAuth("work"))
print("a Python program of yours:", answer.status_code)
"""
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
            stage.day("day", lab)
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
        lines = self._typed("$", [_program(), *arguments], f"{PROGRAM} {' '.join(arguments)}", browser, code)
        self._keep(name, f"{PROGRAM} {arguments[0]}", lines)

    def day(self, name: str, lab: Lab) -> None:
        """Live a day with the agent, in several shells, and write it as one screen.

        Raises:
            SystemExit: As for `show`, or an agent was left.
        """
        url, lines = lab.mcp_url, []
        call = (
            f"curl -s -o answer.json -w '%{{http_code}}\\n' --json @ping.json \\\n"
            f'    -H "$({PROGRAM} token work --header)" $SERVER'
        )
        for shell, line, code in (
            ("shell 1", f"{PROGRAM} login {url}", 0),
            ("shell 1", f"{PROGRAM} alias {url} work", 0),
            ("shell 1", f"{PROGRAM} agent status", 0),
            ("shell 1", call, 0),
            ("shell 2", call, 0),
            (
                "shell 3",
                f"{PROGRAM} run work -- sh -c 'echo a token of ${{#MCP_VACUUM_TOKEN}} characters'",
                0,
            ),
            ("shell 3", "python program.py", 0),
            ("shell 1", f"{PROGRAM} agent lock", 0),
            ("shell 2", f"{PROGRAM} token work", 6),
            ("shell 1", f"{PROGRAM} agent unlock", 0),
            ("shell 2", call, 0),
            ("shell 1", f"{PROGRAM} logout work", 0),
            ("shell 2", f"{PROGRAM} token work", 3),
            ("shell 1", f"{PROGRAM} agent stop", 0),
        ):
            run = line.replace("python ", f"{sys.executable} ", 1) if line.startswith("python ") else line
            command = ["bash", "-c", run]
            lines += self._typed(
                f"{shell} $", command, line, SAYS_YES, code, SERVER=url, MCP_VACUUM_AGENT="on"
            )
        refreshes = sum(
            each.form.get("grant_type") == ["refresh_token"] for each in lab.recorder.to("/token")
        )
        lines.append(f"\x1b[2m# refreshes that the server saw all day: {refreshes}\x1b[0m")
        self._keep(name, "a day with mcp-vacuum", lines)

    def _typed(
        self, prompt: str, command: list[str], line: str, browser: str, code: int, **more: str
    ) -> list[str]:
        """Run a command and return what a person sees of it, from the prompt on."""
        printed, ended = terminal.run(command, {**self._environment(browser), **more}, self.home)
        if ended != code:
            raise SystemExit(f"{line}: exit code {ended}, not {code}\n{printed}")
        self._refuse_secrets(line, printed)
        typed = [f"\x1b[1m{each}\x1b[0m" for each in f"{prompt} {line}".splitlines()]
        lines = [*typed, *terminal.screen(printed)]
        while not lines[-1]:
            lines.pop()
        return [*lines, f"\x1b[1m{prompt} echo $?\x1b[0m", str(code)] if code else lines

    def _keep(self, name: str, title: str, lines: list[str]) -> None:
        text = self._fixed("\n".join(lines))
        _write(HERE / f"{name}.txt", "".join(f"{terminal.plain(line)}\n" for line in text.splitlines()))
        _write(HERE / f"{name}.svg", picture.svg(text, title, terminal.COLUMNS))
        wide = max(len(terminal.plain(line)) for line in text.splitlines())
        print(f"{name:20} {len(lines):3} lines, widest {wide}")

    def _environment(self, browser: str) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "BROWSER": browser,
            "MCP_VACUUM_HOME": str(self.home / "state"),
            "MCP_VACUUM_KEY_SOURCE": "file",
            "MCP_VACUUM_AGENT": "off",
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
        text = PID.sub(r"\g<1>  4711", AGO.sub("1 s ago", text))
        return text.replace(str(self.home / "state"), "~/.local/share/mcp-vacuum")


@contextmanager
def _stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="mcp-vacuum-screens-") as folder:
        Path(folder, "program.py").write_text(PYTHON_PROGRAM)
        Path(folder, "ping.json").write_text('{"jsonrpc": "2.0", "id": 1, "method": "ping"}')
        yield Stage(Path(folder))


def _program() -> str:
    return str(Path(sys.executable).with_name(PROGRAM))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
