"""Reaching the agent of a home, and starting one."""

from __future__ import annotations

import json
import os
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import peer, wire
from mcp_vacuum.agent.place import Place
from mcp_vacuum.errors import AgentUnavailable
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable
from mcp_vacuum.storage.home import HOME_VARIABLE
from mcp_vacuum.storage.key_source import KEY_VARIABLE

CONNECT_TIME = 2.0
REPLY_TIME = 120.0
"""Seconds: the agent may have to wait for a lease, and then for a slow authorization server."""
START_TIME = 20.0
"""Seconds for a new agent to open the vault and listen; a key command may take its time."""
_NOT_INHERITED = (KEY_VARIABLE, "MCP_VACUUM_TOKEN", "MCP_VACUUM_AGENT")
_OF_THIS_SHELL = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Each login was made under its own; the agent outlives the shell that happened to start it."""

# -I keeps the current directory and PYTHON* out. The package comes from where this process has it, but after
# the standard library, so that nothing beside it can pass for a standard module.
_PROGRAM = (
    "import sys; sys.path[[p.endswith('-packages') for p in [*sys.path, '-packages']].index(True):0] = "
    "[sys.argv[2]]; from mcp_vacuum.agent.process import main; main(int(sys.argv[1]))"
)


class NotRunning(AgentUnavailable):
    """No agent listens; one may be started."""


def ask(home: Path, request: wire.Request) -> dict[str, Any]:
    """Ask the running agent of a home.

    Raises:
        NotRunning: There is none.
        AgentUnavailable: What is there is not ours, or of another version.
        VacuumError: What the agent answered.
    """
    with connected(home) as connection:
        return exchange(connection, request)


def start(home: Path, told: Secret | None = None) -> bool:
    """Start an agent and wait until it is ready; False if another one was faster, and may not be ready yet.

    Args:
        home: Whose agent.
        told: The passphrase or key of the vault, where its source is one that the agent cannot ask.

    Raises:
        AgentUnavailable: It cannot be started, or did not become ready in time.
        VacuumError: Why the agent could not go on, such as a keyring that is locked.
    """
    if not (peer.SUPPORTED and sys.executable):
        raise AgentUnavailable("there is no agent on this system", hint="unset MCP_VACUUM_AGENT")
    mine, its = sockets.socketpair()
    with mine:
        with its:
            # Before it begins: one who comes too late ends without having listened.
            mine.sendall(json.dumps({"told": told and told.reveal()}).encode() + b"\n")
            _spawn(home, its)
        mine.settimeout(START_TIME)
        try:
            payload = _received(mine, wire.MOST_REPLY)
        except (OSError, EOFError):
            raise AgentUnavailable(
                "the agent did not start", hint=f"see {Place(home).log}, or set MCP_VACUUM_AGENT=off"
            ) from None
    return "pid" in wire.decode_reply(payload)


def _spawn(home: Path, channel: sockets.socket) -> None:
    hidden = {*_NOT_INHERITED, *_OF_THIS_SHELL}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in hidden}
    package = str(Path(__file__).parent.parent.parent)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-c", _PROGRAM, str(channel.fileno()), package],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**kept, HOME_VARIABLE: str(home)},
            pass_fds=[channel.fileno()],
            start_new_session=True,
        )
    except OSError as caught:
        raise AgentUnavailable(f"the agent cannot be started: {caught.strerror}") from caught
    with suppress(subprocess.TimeoutExpired):
        process.wait(START_TIME)  # it forks and ends at once


@contextmanager
def connected(home: Path) -> Iterator[sockets.socket]:
    """Connect to this home's agent, and to nobody else.

    Raises:
        NotRunning, AgentUnavailable: See `ask`.
    """
    sign = Place(home).read_sign() if peer.SUPPORTED else None
    if sign is None:
        raise NotRunning("no agent is running", hint="mcp-vacuum agent start")
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
        try:
            queue_up(connection, sign.socket)
        except OSError:
            raise NotRunning("no agent is running", hint="mcp-vacuum agent start") from None
        if not peer.is_me(connection):
            raise AgentUnavailable("another user's process listens in the place of the agent")
        _check_greeting(home, connection)
        yield connection


def queue_up(connection: sockets.socket, path: str) -> None:
    """Connect to a socket's path; where a crowd is before us, wait for a place in its queue.

    Raises:
        OSError: Nobody listens, or no place became free within `CONNECT_TIME` seconds.
    """
    connection.settimeout(CONNECT_TIME)
    deadline = time.monotonic() + CONNECT_TIME
    while True:
        try:
            return connection.connect(path)
        except BlockingIOError:  # what Linux says of a full queue, whatever the timeout
            if time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _check_greeting(home: Path, connection: sockets.socket) -> None:
    try:
        greeting = wire.split_words(_received(connection, wire.MOST_REQUEST))
    except (OSError, EOFError):
        raise NotRunning("the agent is ending", hint="try again") from None
    if greeting[:2] != [wire.NAME, Place(home).digest] or len(greeting) != 3:
        raise AgentUnavailable("what listens there is not the agent of this home")
    if greeting[2] != __version__:  # the sign's word is not enough: it may be left of an agent that died
        raise AgentUnavailable(
            f"the agent is of version {printable(greeting[2])}, this program of {__version__}",
            hint="mcp-vacuum agent stop, with the other version",
        )


def exchange(connection: sockets.socket, request: wire.Request) -> dict[str, Any]:
    """Send one request and return its answer; a connection takes any number, one after the other.

    Raises:
        NotRunning: The agent ended.
        VacuumError: What the agent answered.
    """
    connection.settimeout(REPLY_TIME)
    try:
        connection.sendall(wire.frame(wire.encode_request(request)))
        payload = _received(connection, wire.MOST_REPLY)
    except TimeoutError:
        raise AgentUnavailable(f"the agent did not answer within {REPLY_TIME:.0f} s") from None
    except (OSError, EOFError):
        raise NotRunning("the agent ended before it answered", hint="try again") from None
    return wire.decode_reply(payload)


def _received(connection: sockets.socket, most: int) -> bytes:
    """Read one frame; a peer that sends a byte now and then does not keep us longer than the timeout."""
    deadline = time.monotonic() + (connection.gettimeout() or REPLY_TIME)
    head = _exactly(connection, wire.HEAD, deadline)
    return _exactly(connection, wire.payload_size(head, most), deadline)


def _exactly(connection: sockets.socket, size: int, deadline: float) -> bytes:
    chunks = []
    while size:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = connection.recv(size)
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
