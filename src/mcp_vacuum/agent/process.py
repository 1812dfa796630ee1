"""The life of the agent's process: alone, unseen by debuggers, and gone without a trace when it ends.

Whoever starts it talks to it over one inherited socket: it is told the key of a vault whose source the agent
cannot ask, and says when it is ready, or why it never will be.
"""

from __future__ import annotations

import json
import logging
import os
import socket as sockets
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import wire
from mcp_vacuum.agent.memory import protect
from mcp_vacuum.agent.place import Place, Stamp, stamp_of
from mcp_vacuum.errors import AgentUnavailable, StorageError, UsageError, VacuumError
from mcp_vacuum.safety.secret import Secret, wrapped
from mcp_vacuum.storage.home import private_directory, state_home
from mcp_vacuum.storage.lease import Busy, locked

IDLE_VARIABLE = "MCP_VACUUM_AGENT_IDLE"
IDLE = 15 * 60.0
"""Seconds without a request after which the agent ends."""
LONGEST_LOG = 256 * 1024
"""Bytes of log that are kept; a longer one begins anew with the next agent."""
_LOG = logging.getLogger("mcp_vacuum")


def main(channel: int) -> None:
    """Become the agent of `$MCP_VACUUM_HOME`; returns when it has ended."""
    if os.fork():  # whoever started us has no child to wait for, however long it lives
        os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    place = Place(state_home())
    with closing(sockets.socket(fileno=channel)) as starter, ExitStack() as life:
        told = _told(starter)  # first: closing a socket with something unread loses what was said on it
        try:
            _be_the_only_one(place, life)
            run = _prepared(place, told, life)
        except Busy:
            _tell(starter, wire.encode_reply({"taken": True}))
            return
        except VacuumError as error:
            _tell(starter, wire.encode_error(error))
            return
        _tell(starter, wire.encode_reply({"pid": os.getpid()}))
        starter.close()
        run()


def _be_the_only_one(place: Place, life: ExitStack) -> None:
    try:
        private_directory(place.run)
        life.enter_context(locked(place.lock, 0.0, "the agent of this home"))
    except Busy:
        raise
    except StorageError as error:
        raise AgentUnavailable(error.message, hint=error.hint) from None


def _prepared(place: Place, told: Secret | None, life: ExitStack) -> Callable[[], None]:
    """Do all that can fail, and return the rest. Callers hold the lock."""
    # Only the one agent of a home has to load all this; others who were started at once have ended by now.
    import asyncio

    from mcp_vacuum.agent.keeper import Keeper
    from mcp_vacuum.agent.server import Server
    from mcp_vacuum.agent.vault import opened

    protection = protect()
    _write_log(place.log)
    idle = _idle()
    store = opened(place.home, told)
    server = Server(place, Keeper(store) if store else None, protection)
    listener = life.enter_context(closing(_listening(place)))
    address = Path(listener.getsockname())
    life.callback(_take_down, place, address, stamp_of(address))

    def run() -> None:
        _LOG.info("agent %s started", __version__)
        asyncio.run(server.run(listener, idle))
        _LOG.info("agent ended after %d requests", server.served)

    return run


def _tell(starter: sockets.socket, reply: bytes) -> None:
    with suppress(OSError):  # whoever started us may be gone; we are wanted by the next one too
        starter.sendall(wire.frame(reply))


def _told(starter: sockets.socket) -> Secret | None:
    starter.settimeout(5.0)
    try:
        return wrapped(json.loads(starter.makefile("rb").readline(wire.MOST_REQUEST))["told"])
    except (OSError, ValueError):
        raise SystemExit("whoever started the agent said nothing") from None


def _listening(place: Place) -> sockets.socket:
    """Return a listening socket; a stale one is replaced. Callers hold the lock, so it is nobody else's."""
    try:
        path = place.socket()
    except StorageError as error:
        raise AgentUnavailable(error.message, hint=error.hint) from None
    listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        place.hang_sign(path)
    except (OSError, UnicodeError) as caught:  # words are UTF-8, paths need not be
        listener.close()
        raise AgentUnavailable(
            f"the agent cannot listen at {path}: {getattr(caught, 'strerror', None) or caught}",
            hint="MCP_VACUUM_AGENT=off goes without an agent",
        ) from None
    return listener


def _take_down(place: Place, path: Path, stamp: Stamp | None) -> None:
    """Remove the sign and the socket if they are still ours."""
    with suppress(OSError):
        if stamp_of(path) == stamp:
            path.unlink()
    with suppress(OSError, VacuumError):
        sign = place.read_sign()
        if sign is not None and sign.pid == str(os.getpid()):
            place.sign.unlink()


def _idle() -> float:
    text = os.environ.get(IDLE_VARIABLE, "")
    if not text:
        return IDLE
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise UsageError(f"{IDLE_VARIABLE} has to be a number of seconds", hint=f"unset {IDLE_VARIABLE}")
    return seconds


def _write_log(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size > LONGEST_LOG:
            path.unlink()
    handler: Any = logging.FileHandler(path)  # 0600 by the umask
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
