"""Who is at the other end, by the kernel's word."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_vacuum
from mcp_vacuum.agent import client, peer, wire
from mcp_vacuum.errors import AgentUnavailable
from mcp_vacuum.lab import Lab
from tests.agent.running import NEEDS_ROOT, NOBODY, Home, greeting_of

SOURCE = str(Path(mcp_vacuum.__file__).parents[1])


def as_nobody(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Run Python as another user; what it imports has been imported before it changes."""
    begin = f"import os, socket, sys, time; os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY})"
    begin += f"; os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n"
    return subprocess.Popen(
        [sys.executable, "-c", begin + program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    )


def test_a_process_of_mine_is_me() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer.is_me(one)
        assert peer.is_me(other)


def test_what_has_no_peer_is_not_me() -> None:
    with socket.socket(socket.AF_UNIX) as alone:
        alone.close()
        assert not peer.is_me(alone)


class Answering:
    """A socket of a system where the same number asks for something else."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def getsockopt(self, *_: int) -> bytes:
        return self.answer


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\0", b"\1\0\0\0\0\0\0\0"])
def test_an_answer_of_another_length_is_not_me(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as a number, nothing is 0, and 0 is root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert not peer.is_me(Answering(answer))  # type: ignore[arg-type]


def test_on_systems_without_it_there_is_no_agent() -> None:
    assert peer.SUPPORTED is (sys.platform in ("linux", "darwin"))


@NEEDS_ROOT
class TestAnotherUser:
    def test_the_agent_does_not_greet_it(self, home: Home, lab: Lab, url: str) -> None:
        """Even if every directory on the way were open."""
        pid = home.start()
        sign = home.place.read_sign()
        assert sign is not None
        for directory in (home.root, home.path, home.place.run):
            directory.chmod(0o755)
        Path(sign.socket).chmod(0o777)
        program = """
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.settimeout(10)
try:
    connection.sendall(b"\\0\\0\\0\\x15\\x01token\\0work\\0default\\0600"[:25])
    print(len(connection.recv(4096)))
except OSError as error:
    print(0)
"""
        process = as_nobody(program, sign.socket)
        out, _ = process.communicate(timeout=30)
        home.place.run.chmod(0o700)

        assert out == "0\n"
        assert home.status() is not None
        assert home.agents() == [pid]
        assert lab.recorder.requests == ()

    def test_it_cannot_even_reach_the_socket(self, home: Home, url: str) -> None:
        home.start()
        sign = home.place.read_sign()
        assert sign is not None
        program = """
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except OSError as error:
    print(type(error).__name__)
"""
        process = as_nobody(program, sign.socket)
        out, _ = process.communicate(timeout=30)

        assert out == "PermissionError\n"

    def test_a_client_says_nothing_to_its_agent(self, home: Home, url: str) -> None:
        """Another user's process listens in the place of ours and greets correctly."""
        home.place.run.mkdir(mode=0o700, exist_ok=True)
        theirs = home.root / "theirs"
        theirs.mkdir()
        os.chown(theirs, NOBODY, NOBODY)
        home.root.chmod(0o755)
        program = """
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
connection, _ = listener.accept()
connection.settimeout(10)
try:
    connection.sendall(bytes.fromhex(sys.argv[2]))
    print(len(connection.recv(4096)), flush=True)
except OSError:
    print(0, flush=True)
"""
        path = theirs / "x.sock"
        process = as_nobody(program, str(path), greeting_of(home).hex())
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        path.chmod(0o777)
        home.place.hang_sign(path)
        try:
            with pytest.raises(AgentUnavailable, match="another user's process"):
                client.ask(home.path, wire.Find(url, "default"))
            assert process.communicate(timeout=30)[0] == "0\n"
        finally:
            process.kill()
            process.communicate()
