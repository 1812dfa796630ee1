"""Reaching the agent of a home, and nobody else in its place."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.client import NotRunning
from mcp_vacuum.errors import AgentUnavailable, LoginRequired
from tests.agent.running import NEEDS_PROC, Home, greeting_of, impostor

pytestmark = NEEDS_PROC
STATUS = wire.Status()


class TestNobodyThere:
    def test_never_started(self, home: Home) -> None:
        with pytest.raises(NotRunning) as caught:
            client.ask(home.path, STATUS)

        assert caught.value.hint == "mcp-vacuum agent start"
        assert not home.path.exists()

    def test_killed(self, home: Home, url: str) -> None:
        pid = home.start()
        os.kill(pid, signal.SIGKILL)
        home.wait_for_the_end(pid)
        with pytest.raises(NotRunning):
            client.ask(home.path, STATUS)

    def test_a_sign_that_leads_to_a_file(self, home: Home, url: str) -> None:
        home.place.run.mkdir(mode=0o700, exist_ok=True)
        home.place.hang_sign(home.place.sign)
        with pytest.raises(NotRunning):
            client.ask(home.path, STATUS)

    def test_a_sign_with_a_path_that_is_none(self, home: Home, url: str) -> None:
        home.place.run.mkdir(mode=0o700, exist_ok=True)
        home.place.hang_sign(Path("x" * 500))
        with pytest.raises(NotRunning):
            client.ask(home.path, STATUS)


class TestCrowd:
    def test_a_full_queue_is_waited_for(self, tmp_path: Path) -> None:
        path = str(tmp_path / "s")
        with ExitStack() as crowd:
            listener = crowd.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen(0)
            others = [crowd.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(4)]
            with pytest.raises(BlockingIOError):
                for other in others:
                    other.setblocking(False)
                    other.connect(path)
            threading.Timer(0.1, lambda: crowd.push(listener.accept()[0])).start()
            mine = crowd.enter_context(socket.socket(socket.AF_UNIX))
            client.queue_up(mine, path)

            assert mine.getpeername() == path

    def test_a_queue_that_stays_full_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "CONNECT_TIME", 0.05)
        path = str(tmp_path / "s")
        with ExitStack() as crowd:
            listener = crowd.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen(0)
            with pytest.raises(OSError, match="temporarily unavailable"):
                for _ in range(5):
                    client.queue_up(crowd.enter_context(socket.socket(socket.AF_UNIX)), path)


class TestSomebodyElse:
    """Everything here runs as this user: a wrong version, a wrong home, a broken program."""

    def test_the_agent_of_another_home(self, home: Home, url: str) -> None:
        with (
            impostor(home, greeting_of(home, digest="0" * 12)),
            pytest.raises(AgentUnavailable, match="not the agent of this home") as caught,
        ):
            client.ask(home.path, STATUS)

        assert not isinstance(caught.value, NotRunning)

    def test_an_agent_of_another_version(self, home: Home, url: str) -> None:
        with (
            impostor(home, greeting_of(home, version="0.0.1\x1b[2J"), version="0.0.1"),
            pytest.raises(AgentUnavailable, match=r"is of version 0\.0\.1") as caught,
        ):
            client.ask(home.path, STATUS)

        assert not isinstance(caught.value, NotRunning)
        assert "\x1b" not in str(caught.value)

    @pytest.mark.parametrize(
        "greeting",
        [
            pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="a web server"),
            pytest.param(wire.frame(b"\xff\xff"), id="no words"),
            pytest.param(wire.frame(b""), id="nothing"),
            pytest.param(wire.frame(b"x" * (wire.MOST_REQUEST + 1)), id="too much"),
            pytest.param(b"\xff\xff\xff\xff\x01", id="four gigabytes"),
        ],
    )
    def test_no_greeting_of_ours(self, home: Home, url: str, greeting: bytes) -> None:
        with impostor(home, greeting), pytest.raises(AgentUnavailable) as caught:
            client.ask(home.path, STATUS)

        assert not isinstance(caught.value, NotRunning)

    @pytest.mark.parametrize("greeting", [None, b"", b"\0\0"], ids=repr)
    def test_a_connection_that_ends_before_the_greeting(
        self, home: Home, url: str, greeting: bytes | None
    ) -> None:
        """An agent that is about to end does so; a new one may be started."""
        with impostor(home, greeting), pytest.raises(NotRunning):
            client.ask(home.path, STATUS)

    @pytest.mark.parametrize(
        "reply",
        [b"HTTP/1.1 200 OK\r\n\r\n", wire.frame(b"no"), wire.frame(b"[]"), wire.frame(b'{"ok": 1}')],
        ids=repr,
    )
    def test_a_reply_that_makes_no_sense(self, home: Home, url: str, reply: bytes) -> None:
        with impostor(home, greeting_of(home), reply), pytest.raises(AgentUnavailable) as caught:
            client.ask(home.path, STATUS)

        assert not isinstance(caught.value, NotRunning)

    @pytest.mark.parametrize("reply", [b"", b"\0\0\0", wire.frame(b'{"ok": {}}')[:-1]], ids=repr)
    def test_a_reply_that_breaks_off(self, home: Home, url: str, reply: bytes) -> None:
        with impostor(home, greeting_of(home), reply), pytest.raises(NotRunning, match="ended before"):
            client.ask(home.path, STATUS)

    def test_an_error_in_the_reply_is_raised(self, home: Home, url: str) -> None:
        reply = wire.frame(wire.encode_error(LoginRequired("s", "because", account="work")))
        with impostor(home, greeting_of(home), reply), pytest.raises(LoginRequired) as caught:
            client.ask(home.path, STATUS)

        assert caught.value.account == "work"


class TestStart:
    def test_it_waits_until_the_agent_answers(self, home: Home, url: str) -> None:
        assert client.start(home.path) is True
        assert client.ask(home.path, STATUS)["locked"] is False

    def test_without_an_interpreter_there_is_none(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "")
        with pytest.raises(AgentUnavailable, match="no agent on this system"):
            client.start(home.path)

    def test_an_interpreter_that_is_gone(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", str(home.root / "python"))
        with pytest.raises(AgentUnavailable, match="cannot be started"):
            client.start(home.path)

    def test_a_program_that_ends_at_once(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        true = subprocess.run(["sh", "-c", "command -v true"], capture_output=True, text=True, check=True)
        monkeypatch.setattr(sys, "executable", true.stdout.strip())
        with pytest.raises(AgentUnavailable, match="did not start") as caught:
            client.start(home.path)

        assert str(home.place.log) in (caught.value.hint or "")
