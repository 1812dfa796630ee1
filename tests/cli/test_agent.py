"""`agent start|stop|status|lock|unlock`, with a real agent."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab, LabConfig
from tests.agent.running import Home, a_home, environ_of

pytestmark = pytest.mark.long

CARRIED = (sys.executable, "-c", "import os; print(os.environ['MCP_VACUUM_TOKEN'])")
"""Prints the token that `run` gives."""
WRONG, RIGHT = "incorrect horse", "correct horse"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with a_home(monkeypatch) as home:
        yield home


def done(home: Home, *arguments: str, **more: str) -> tuple[int, str, str]:
    ended = home.run(*arguments, env=more)
    return ended.returncode, ended.stdout, ended.stderr


class TestControl:
    def test_start_status_stop(self, home: Home, lab: Lab) -> None:
        home.log_in(lab)
        code, out, _ = done(home, "agent", "start", "--json")
        assert (code, json.loads(out)["running"]) == (0, True)
        done(home, "token", lab.mcp_url)
        told = json.loads(done(home, "agent", "status", "--json")[1])
        assert {
            "pid",
            "version",
            "home",
            "locked",
            "started_at",
            "requests",
            "memory",
            "holds",
        } <= told.keys()
        assert told["holds"][0]["server"] == lab.mcp_url
        text = done(home, "agent", "status")[1]
        assert "no core dumps" in text
        assert lab.mcp_url in text
        assert done(home, "agent", "stop")[:2] == (0, "the agent has ended\n")
        assert done(home, "agent", "stop")[:2] == (0, "no agent was running\n")
        assert json.loads(done(home, "agent", "status", "--json")[1]) == {"running": False}

    def test_without_a_vault_there_is_nothing_to_start(self, home: Home) -> None:
        code, _, err = done(home, "agent", "start")

        assert code == 6
        assert "there is no vault yet" in err

    def test_its_token_is_no_secret_of_the_disk(self, home: Home, lab: Lab) -> None:
        home.log_in(lab)
        token = done(home, "token", lab.mcp_url)[1].strip()
        kept = b"".join(each.read_bytes() for each in home.path.rglob("*") if each.is_file())

        assert token.encode() not in kept


class TestLock:
    def test_nobody_gets_a_token_with_or_without_the_agent(self, home: Home, lab: Lab) -> None:
        home.log_in(lab)
        assert done(home, "token", lab.mcp_url)[0] == 0
        code, out, err = done(home, "agent", "lock")
        assert (code, out) == (0, "locked\n")
        assert "without asking a person" in err
        for mode in ("auto", "on", "off"):
            code, out, err = done(home, "token", lab.mcp_url, MCP_VACUUM_AGENT=mode)
            assert (code, out) == (6, ""), mode
            assert "mcp-vacuum agent unlock" in err
        assert done(home, "agent", "unlock")[:2] == (0, "unlocked\n")
        assert done(home, "token", lab.mcp_url)[0] == 0

    def test_it_outlives_the_agent(self, home: Home, lab: Lab) -> None:
        home.log_in(lab)
        assert done(home, "agent", "lock")[0] == 0  # without an agent, too
        assert done(home, "token", lab.mcp_url)[0] == 6
        done(home, "agent", "stop")
        assert done(home, "token", lab.mcp_url)[0] == 6
        assert done(home, "agent", "unlock")[0] == 0
        assert done(home, "token", lab.mcp_url)[0] == 0


class TestPassphrase:
    def test_it_is_a_real_lock(self, home: Home, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        monkeypatch.setenv("BROWSER", f"{sys.executable} -m mcp_vacuum.lab.user %s")
        assert typed(home, [RIGHT, RIGHT], "login", lab.mcp_url)[0] == 0
        assert done(home, "token", lab.mcp_url)[0] == 0  # the agent was told
        code, _, err = done(home, "agent", "lock")
        assert (code, "without asking" in err) == (0, False)
        code, said = typed(home, [WRONG], "agent", "unlock")
        assert (code, "wrong passphrase" in said, WRONG in said) == (6, True, False)
        while "the next can be made in" not in said:  # each failure makes the pause longer than a try takes
            code, said = typed(home, [WRONG], "agent", "unlock")
            assert code == 6, said
        while typed(home, [RIGHT], "agent", "unlock")[0] != 0:
            time.sleep(0.5)
        assert done(home, "token", lab.mcp_url)[0] == 0
        done(home, "agent", "stop")
        code, _, err = done(home, "token", lab.mcp_url)
        assert (code, "mcp-vacuum agent unlock" in err) == (6, True)  # a new agent was told nothing

    def test_programs_need_no_terminal_while_the_agent_has_the_key(
        self, home: Home, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        monkeypatch.setenv("BROWSER", f"{sys.executable} -m mcp_vacuum.lab.user %s")
        assert typed(home, [RIGHT, RIGHT], "login", lab.mcp_url)[0] == 0

        assert done(home, "run", lab.mcp_url, "--", *CARRIED)[:2] == (0, f"{lab.issued_access_tokens[-1]}\n")
        assert "add" in done(home, "tools", lab.mcp_url)[1]
        for command in (("list",), ("status",), ("status", lab.mcp_url)):
            code, out, _ = done(home, *command)
            assert (code, lab.mcp_url in out, "valid" in out) == (0, True, True)
        assert done(home, "status", f"{lab.mcp_url}/other")[0] == 3
        code, _, err = done(home, "accounts", lab.mcp_url)
        assert (code, "run the same command in a terminal" in err) == (6, True)
        assert done(home, "agent", "lock")[0] == 0
        assert done(home, "list")[0] == 6


class TestWithoutRefreshTokens:
    def test_a_person_is_asked_when_the_token_has_ended_and_not_before(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BROWSER", f"{sys.executable} -m mcp_vacuum.lab.user %s")

        def visits() -> int:
            return len({request.query["state"] for request in lab.recorder.to("/authorize")})

        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            assert done(home, "login", lab.mcp_url)[0] == 0
            for _ in range(2):
                assert done(home, "run", lab.mcp_url, "--", *CARRIED)[1].strip() in lab.issued_access_tokens
            code, _, err = done(home, "login", lab.mcp_url)
            assert (code, "still valid" in err, visits()) == (0, True, 1)

            done(home, "agent", "stop")
            assert done(home, "token", lab.mcp_url)[0] == 3
            for _ in range(2):  # the first of them asks; the agent has its token for the second
                assert done(home, "run", lab.mcp_url, "--", *CARRIED)[0] == 0
            assert visits() == 2


class TestEnvironmentKey:
    def test_the_agent_has_it_and_its_environment_has_not(
        self, home: Home, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mcp_vacuum.storage.cipher import new_key

        key = new_key().decode()
        monkeypatch.setenv("BROWSER", f"{sys.executable} -m mcp_vacuum.lab.user %s")
        more = {"MCP_VACUUM_KEY_SOURCE": "env", "MCP_VACUUM_KEY": key}
        assert done(home, "login", lab.mcp_url, **more)[0] == 0
        assert done(home, "token", lab.mcp_url)[0] == 0  # from the agent; this shell has no key
        pid = (home.status() or {})["pid"]

        assert key not in "".join(environ_of(pid).values())


def typed(home: Home, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run a command in a terminal of its own, and answer its questions."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said, seen, left = b"", 0, list(answers)
        while chunk := _read(ours):
            said += chunk
            if left and said[seen:].rstrip().endswith(b":"):  # what is typed before a question is lost
                seen = len(said)
                os.write(ours, left.pop(0).encode() + b"\n")
        os.close(ours)
        return process.wait(60), said.decode(errors="replace")


IN_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from mcp_vacuum.cli.main import main
main()
"""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
