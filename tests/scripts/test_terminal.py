"""Pipes, terminals and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab
from tests.helpers import wait_for

from .conftest import COMMAND, NOBODY, Session

pytestmark = pytest.mark.long

ESCAPE = "\x1b"


def in_a_terminal(session: Session, *arguments: str, **more: str) -> tuple[int, str]:
    """Run a command with a pseudo-terminal for all three streams."""
    import pty

    pid, master = pty.fork()
    if pid == 0:
        os.chdir(session.root)
        os.execve(COMMAND[0], [*COMMAND, *arguments], {**session.environment, "TERM": "xterm", **more})
    chunks = []
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), b"".join(chunks).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
class TestTerminal:
    def test_it_gets_colour(self, session: Session, url: str) -> None:
        code, text = in_a_terminal(session, "status", url)

        assert (code, ESCAPE in text) == (0, True)
        assert url in text

    def test_an_error_does_too(self, session: Session) -> None:
        code, text = in_a_terminal(session, "token", "https://mcp.example/mcp")

        assert (code, ESCAPE in text) == (3, True)

    @pytest.mark.parametrize(
        ("arguments", "environment"),
        [
            ((), {"NO_COLOR": "1"}),
            pytest.param(("--no-color",), {}, marks=pytest.mark.long),
            pytest.param((), {"TERM": "dumb"}, marks=pytest.mark.long),
        ],
        ids=["NO_COLOR", "flag", "dumb"],
    )
    def test_unless_it_does_not_want_it(
        self, session: Session, url: str, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        code, text = in_a_terminal(session, "status", url, *arguments, **environment)

        assert (code, ESCAPE in text) == (0, False)
        assert url in text

    def test_a_token_is_plain_there_too(self, session: Session, lab: Lab, url: str) -> None:
        _, text = in_a_terminal(session, "token", url)

        assert text.strip() == lab.issued_access_tokens[-1]

    def test_a_login_that_waits_shows_and_cleans_up(self, session: Session, lab: Lab) -> None:
        code, text = in_a_terminal(session, "login", lab.mcp_url)

        assert code == 0
        assert "the login is kept" in text
        assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is given back


class TestPipe:
    def test_no_escape_codes(self, session: Session, url: str) -> None:
        said = [
            session.ok("status", url),
            session.ok("list"),
            session.ok("tools", url),
            session.run("token", "https://mcp.example/"),
            session.ok("--help"),
        ]

        assert [ESCAPE in done.out + done.err for done in said] == [False] * 5

    def test_a_reader_who_is_gone_is_no_error(self, session: Session, url: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        process = subprocess.Popen(
            [*COMMAND, "list"], env=session.environment, stdout=writing, stderr=subprocess.PIPE, text=True
        )
        os.close(writing)
        _, err = process.communicate(timeout=30)

        assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
class TestInterrupt:
    @pytest.fixture(autouse=True)
    def _interrupts_are_heard(self) -> Iterator[None]:
        """A test run in the background of a shell ignores Ctrl-C, and its children would inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_ctrl_c_while_waiting_for_the_person_is_130(self, session: Session, lab: Lab) -> None:
        session.browser = NOBODY
        process = session.start("login", lab.mcp_url)
        wait_for(lambda: lab.recorder.to("/register"), "the login has begun")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        done = session.finish(process)

        assert done.code == 130
        assert "interrupted" in done.err
        assert "Traceback" not in done.err

    def test_ctrl_c_during_a_refresh_loses_nothing(self, session: Session, lab: Lab, url: str) -> None:
        lab.recorder.clear()
        lab.faults.token_delay, lab.faults.token_times = 0.8, 1
        process = session.start("token", url)
        wait_for(lambda: lab.recorder.to("/token"), "the refresh is at the server")
        process.send_signal(signal.SIGINT)
        done = session.finish(process, prints_a_token=True)

        assert (done.code, done.out) == (130, "")
        assert "Traceback" not in done.err
        session.ok("token", url)
        assert lab.reuse_detected == 0
