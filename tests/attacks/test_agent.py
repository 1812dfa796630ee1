"""The agent: who talks to it, what they send, who takes its place, and who walks around its lock."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import client, core, peer, wire
from mcp_vacuum.agent.keeper import Keeper
from mcp_vacuum.agent.memory import Protection
from mcp_vacuum.agent.place import Place
from mcp_vacuum.agent.process import _listening
from mcp_vacuum.agent.server import Server
from mcp_vacuum.errors import (
    AgentUnavailable,
    KeyUnavailable,
    StorageError,
    VacuumError,
    VaultLocked,
    WrongAudience,
)
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.home import private_directory
from mcp_vacuum.storage.opening import lock_vault, open_store
from tests.attacks.kit import NOTHING, Loot, Sees, attack, defence, in_the_test
from tests.attacks.world import World
from tests.helpers import log_in

MINE = {"agent.peer.is_me": lambda _: True}
LOCK = {"storage.locking.refuse_locked": lambda _: None}


@contextmanager
def _agent(world: World) -> Iterator[Server]:
    """An agent in a thread of this process, so that a defence can be switched off in it."""
    place = Place(world.home)
    private_directory(place.run)
    store = open_store(create=False)
    assert store is not None
    server = Server(place, Keeper(store), Protection(False, False, False))
    listener = _listening(place)
    world.patch.setattr(asyncio.unix_events._UnixSelectorEventLoop, "add_signal_handler", lambda *_: None)
    thread = threading.Thread(target=lambda: asyncio.run(server.run(listener, 60.0)))
    thread.start()
    try:
        yield server
    finally:
        with suppress(VacuumError):
            world.patch.setattr(peer, "_uid", lambda _: os.geteuid())
            client.ask(world.home, wire.Stop())
        server.state = core.State(server.state.locked, server.state.active_at, stopping=True)
        thread.join(20)


def _logged_in(world: World, **config: Any) -> str:
    lab = world.lab(**config)
    store = open_store()
    assert store is not None
    log_in(lab, store)
    ACCESS_TOKENS._held.clear()
    return lab.mcp_url


def _connected(world: World) -> socket.socket:
    sign = Place(world.home).read_sign()
    assert sign is not None
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    try:
        connection.connect(sign.socket)
    except OSError:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket) -> bytes:
    with suppress(OSError):
        return connection.recv(4096)
    return b""


# --- who talks to it --------------------------------------------------------------------------------------


@attack(
    "another user's process reaches the agent's socket and asks for a token",
    source="CWE-284, CVE-2025-49596 and its kin",
    defence=defence("both sides ask the kernel who the other one is", MINE),
    sees=NOTHING,
)
def test_another_user_asks(world: World) -> Loot:
    """The kernel's word is ours to forge here; tests/agent/test_peer.py has a real second user."""
    url = _logged_in(world)
    with _agent(world):
        world.patch.setattr(peer, "_uid", lambda _: os.geteuid() + 1)
        with _connected(world) as connection:
            connection.sendall(wire.frame(wire.words("token", url, "default", "60")))
            heard = _read(connection) + _read(connection)
    return ["a token"] if b"ok\0" in heard else ["a greeting"] if heard else []


@attack(
    "another user's process listens in the place of the agent",
    source="CWE-290",
    defence=defence("both sides ask the kernel who the other one is", MINE),
    sees=Sees(AgentUnavailable, says="another user's process"),
)
def test_another_user_answers(world: World) -> Loot:
    url = _logged_in(world)
    with _impostor(world) as heard:
        world.patch.setattr(peer, "_uid", lambda _: os.geteuid() + 1)
        world.attempt(lambda: client.ask(world.home, wire.Unlock(Secret("the passphrase"))))
    del url
    return ["the passphrase"] if b"the passphrase" in b"".join(heard) else []


@contextmanager
def _impostor(world: World, home: str | None = None) -> Iterator[list[bytes]]:
    """Somebody who greets as the agent would, and listens."""
    place = Place(world.home)
    private_directory(place.run)
    path, heard = place.run / "agent.sock", list[bytes]()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    place.hang_sign(path)

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(3)
            with connection, suppress(OSError):
                connection.sendall(wire.frame(wire.words(wire.NAME, home or place.digest, __version__)))
                heard.append(connection.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
        thread.join(4)
    finally:
        listener.close()


@attack(
    "the agent of another state directory answers",
    source="DESIGN section 8, CWE-346",
    defence=defence("the greeting names the home", {"agent.client._check_greeting": lambda *_: None}),
    sees=Sees(AgentUnavailable, says="not the agent of this home"),
)
def test_agent_of_another_home(world: World) -> Loot:
    _logged_in(world)
    with _impostor(world, home="0123456789ab") as heard:
        world.attempt(lambda: client.ask(world.home, wire.Unlock(Secret("the passphrase"))))
    return ["the passphrase"] if b"the passphrase" in b"".join(heard) else []


@attack(
    "everybody may write the file that names the agent's socket",
    source="CWE-732",
    defence=defence("a file that decides is ours alone", {"storage.home._judge_file": lambda *_: None}),
    sees=Sees(StorageError),
)
def test_open_sign(world: World) -> Loot:
    _logged_in(world)
    with _impostor(world) as heard:
        Place(world.home).sign.chmod(0o666)
        world.attempt(lambda: client.ask(world.home, wire.Unlock(Secret("the passphrase"))))
    return ["the passphrase"] if b"the passphrase" in b"".join(heard) else []


def _anywhere(patch: Any) -> None:
    """Careless: the directory is taken as it is."""
    place = "mcp_vacuum.agent.place"
    patch.setattr(f"{place}._runtime_directory", lambda: Path(os.environ["XDG_RUNTIME_DIR"]))
    patch.setattr(f"{place}.private_directory", lambda path: path)
    patch.setattr(f"{place}._only_mine", lambda path: path)


@attack(
    "XDG_RUNTIME_DIR is a directory that everybody may write to",
    source="CWE-379, XDG base directory specification",
    defence=in_the_test(
        "a socket is made only where nobody else can enter",
        "`agent/place.py: _runtime_directory`",
        _anywhere,
    ),
    sees=NOTHING,
)
def test_open_runtime_directory(world: World) -> Loot:
    shared = world.root / "shared"
    (shared / "mcp-vacuum").mkdir(parents=True)
    shared.chmod(0o777)
    (shared / "mcp-vacuum").chmod(0o777)
    world.patch.setenv("XDG_RUNTIME_DIR", str(shared))
    chosen = world.attempt(lambda: Place(world.home).socket())
    return [f"the socket is in {chosen.parent}"] if chosen and chosen.is_relative_to(shared) else []


# --- what they send ---------------------------------------------------------------------------------------


@attack(
    "a frame announces two gigabytes",
    source="CWE-770, CWE-1284",
    defence=defence(
        "frames are bounded", {"agent.wire.payload_size": lambda head, _: int.from_bytes(head[:4])}
    ),
    sees=NOTHING,
)
def test_oversized_frame(world: World) -> Loot:
    _logged_in(world)
    with _agent(world), _connected(world) as connection:
        _read(connection)
        connection.sendall(b"\x7f\xff\xff\xff\1" + b"x" * 1024)
        connection.settimeout(1)
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
        except OSError:
            closed = True
    return [] if closed else ["memory for two gigabytes is on its way"]


@attack(
    "silent connections take every place",
    source="CWE-400",
    defence=defence(
        "whoever is silent for longest makes room",
        {"agent.server.Server._has_room": lambda self: self._clients <= 128},
    ),
    sees=NOTHING,
)
def test_silent_crowd(world: World) -> Loot:
    url = _logged_in(world)
    with _agent(world):
        crowd: list[socket.socket] = []
        try:
            with suppress(OSError):  # a full queue is what we are after
                crowd += (_connected(world) for _ in range(140))
            time.sleep(0.3)
            world.patch.setattr(client, "CONNECT_TIME", 2.0)
            world.attempt(lambda: client.ask(world.home, wire.Find(url, "default")))
        finally:
            for connection in crowd:
                connection.close()
    shut_out, world.error = world.error is not None, None
    return ["nobody else is served"] if shut_out else []


@attack(
    "the agent is asked for DPoP headers for another host",
    source="RFC 9449 §4.3, RFC 9700 §4.9.1",
    defence=defence("a proof is for the login's resource", {"tokens.bind.Audience.check": lambda *_: None}),
    sees=Sees(WrongAudience, "RFC 9700 §4.9.1"),
)
def test_headers_for_another_host(world: World) -> Loot:
    url = _logged_in(world, dpop=True, dpop_required=True)
    request = wire.Headers(url, "default", "GET", "https://evil.example/mcp")
    with _agent(world):
        told = world.attempt(lambda: client.ask(world.home, request))
    return ["token and proof for https://evil.example"] if told else []


@attack(
    "passphrases are tried as fast as the agent answers",
    source="CWE-307",
    defence=defence("a wrong one makes the next wait", {"agent.core._delay": lambda *_: 0.0}),
    sees=NOTHING,
)
def test_guessing(world: World) -> Loot:
    _logged_in(world)
    key = Path(world.home / "vault.key")
    with _agent(world):
        client.ask(world.home, wire.Lock())
        key.rename(key.with_name("elsewhere"))  # every attempt fails at once, as a wrong passphrase would
        answers = [_refusal(world) for _ in range(30)]
        key.with_name("elsewhere").rename(key)
    tried = answers.count(KeyUnavailable)
    return [f"{tried} passphrases in a moment"] if tried > 3 else []


def _refusal(world: World) -> type[Exception]:
    try:
        client.ask(world.home, wire.Unlock())
    except VacuumError as error:
        return type(error)
    return Exception


# --- the lock ---------------------------------------------------------------------------------------------


@attack(
    "a locked vault is opened by a command without the agent",
    source="DESIGN section 8, CWE-288",
    defence=defence("the lock is in the vault's header", LOCK),
    sees=Sees(VaultLocked),
)
def test_without_the_agent(world: World) -> Loot:
    from mcp_vacuum.agent.source import token_source

    url = _logged_in(world)
    lock_vault(world.home)
    held = world.attempt(lambda: token_source(url, agent="off").obtain())
    return ["a token"] if held else []


@attack(
    "a program that had the vault open before it was locked goes on refreshing",
    source="DESIGN section 8, CWE-613",
    defence=defence("each refresh looks at the lock", LOCK),
    sees=Sees(VaultLocked),
)
def test_opened_before(world: World) -> Loot:
    from mcp_vacuum.agent.source import token_source

    url = _logged_in(world)
    source = token_source(url, agent="off")
    lock_vault(world.home)
    held = world.attempt(source.obtain)
    return ["a token"] if held else []


@attack(
    "the tokens of a locked agent are still in its memory",
    source="DESIGN section 8, CWE-226",
    defence=defence("locking drops every token", {"agent.keeper.Keeper.drop_all": lambda _: None}),
    sees=NOTHING,
)
def test_memory_of_a_locked_agent(world: World) -> Loot:
    url = _logged_in(world)
    with _agent(world):
        client.ask(world.home, wire.Token(url, "default", 60.0))
        client.ask(world.home, wire.Lock())
        left = ACCESS_TOKENS.places()
    return ["an access token"] if left else []


# --- where it comes from ----------------------------------------------------------------------------------


def _careless(patch: Any) -> None:
    """Start the agent as one starts a program: in the current directory, with what the environment says."""
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        if "-I" in command:
            command = [word for word in command if word != "-I"]
            options |= {"cwd": None, "env": {**options["env"], "PYTHONPATH": ""}}
        return real(command, **options)

    patch.setattr("mcp_vacuum.agent.client.subprocess.Popen", start)


@attack(
    "a module in the current directory is named like one that the agent imports",
    source="CWE-427, CVE-2025-66416 and its kin",
    defence=in_the_test("the agent is isolated", "`agent/client.py: _spawn`", _careless),
    sees=NOTHING,
)
def test_module_beside(world: World) -> Loot:
    _logged_in(world)
    project, canary = world.root / "project", world.root / "canary"
    project.mkdir()
    (project / "ctypes.py").write_text(f"open({str(canary)!r}, 'w').close()\nraise SystemExit\n")
    before = Path.cwd()
    os.chdir(project)
    try:
        with suppress(VacuumError):
            client.start(world.home)
            client.ask(world.home, wire.Stop())
    finally:
        os.chdir(before)
    assert sys.flags.isolated == 0
    return ["its code was run"] if canary.exists() else []
