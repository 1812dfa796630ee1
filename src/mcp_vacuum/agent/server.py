"""The agent's process: a socket that only its owner reaches, and one keeper of tokens behind it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket as sockets
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import core, peer, vault, wire
from mcp_vacuum.agent.keeper import Keeper, Login, has_unsaved
from mcp_vacuum.agent.memory import Protection
from mcp_vacuum.agent.place import Place, stamp_of
from mcp_vacuum.agent.wire import Adopt, Find, Forget, Headers, Logins, Request, Token
from mcp_vacuum.errors import AgentUnavailable, KeyUnavailable, VacuumError
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import Held
from mcp_vacuum.storage.opening import lock_vault
from mcp_vacuum.tokens.ahead import refresh_soon
from mcp_vacuum.tokens.source import LoginTokens

MOST_CLIENTS = 128
"""Connections at once; each is a descriptor, and a login shell may allow no more than 256."""
BACKLOG = 128
REQUEST_TIME = 5.0
"""Seconds for a request to come whole, and for its reply to be taken."""
QUIET_TIME = 60.0
"""Seconds that a connection may be open and silent."""
TICK = 1.0
_LOG = logging.getLogger("mcp_vacuum")


class Server:
    """One agent. Its state changes in the event loop only; what blocks runs in threads."""

    def __init__(self, place: Place, keeper: Keeper | None, protection: Protection) -> None:
        """Take what was opened; no keeper means that the vault is locked."""
        self.place = place
        self.keeper = keeper
        self.protection = protection
        self.state = core.State(locked=keeper is None, active_at=time.monotonic())
        self.started_at = time.time()
        self.served = 0
        self._clients = 0
        self._silent: dict[asyncio.StreamWriter, None] = {}
        self._wake = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    # --- connections ----------------------------------------------------------------------------------

    async def run(self, listener: sockets.socket, idle: float) -> None:
        """Serve until there is nothing more to do, or the home, the socket or this version is gone."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop)
        paths = (Path(listener.getsockname()), self.place.sign, _VERSION_FILE)
        stamps = [stamp_of(path) for path in paths]
        server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=wire.MOST_REQUEST, backlog=BACKLOG
        )
        while not core.should_end(self.state, time.monotonic(), idle, self._needed()):
            await self._tick_or_wake()
            if [stamp_of(path) for path in paths] != stamps:
                break
            self._tick()
        # Connections that are open end with the event loop; waiting for them would be waiting for clients.
        server.close()

    async def _tick_or_wake(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await self._wake.wait()

    def _told_to_stop(self) -> None:
        self.state, _ = core.handle(self.state, wire.Stop(), time.monotonic())
        self._wake.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: Any = writer.get_extra_info("socket")
        self._clients += 1
        try:
            if peer.is_me(connection) and self._has_room():
                writer.write(wire.frame(wire.words(wire.NAME, self.place.digest, __version__)))
                while await self._answer_one(reader, writer):
                    pass
        except (OSError, EOFError, TimeoutError, AgentUnavailable):
            pass  # a client that is gone, silent or senseless
        finally:
            self._clients -= 1
            writer.close()

    def _has_room(self) -> bool:
        """Make room for one more by closing the connection that has been silent for longest."""
        if self._clients <= MOST_CLIENTS:
            return True
        oldest = next(iter(self._silent), None)
        if oldest is not None:
            del self._silent[oldest]
            oldest.transport.abort()
        return oldest is not None

    async def _head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        self._silent[writer] = None
        try:
            async with asyncio.timeout(QUIET_TIME):
                return await reader.readexactly(wire.HEAD)
        finally:
            self._silent.pop(writer, None)

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await self._head(reader, writer)
        async with asyncio.timeout(REQUEST_TIME):
            payload = await reader.readexactly(wire.payload_size(head, wire.MOST_REQUEST))
        request = wire.decode_request(payload)
        reply = await self._reply(request)
        self.served += 1
        encoded = _encoded if payload.startswith(b"{") else _in_words
        writer.write(wire.frame(encoded(reply)))
        async with asyncio.timeout(REQUEST_TIME):
            await writer.drain()
        if self.state.stopping:
            self._wake.set()
        return not self.state.stopping

    # --- requests -------------------------------------------------------------------------------------

    async def _reply(self, request: Request) -> dict[str, Any] | VacuumError:
        self.state, effect = core.handle(self.state, request, time.monotonic())
        try:
            return await self._perform(effect)
        except VacuumError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug must not end an agent that holds tokens
            _LOG.error("unexpected %s", type(error).__name__)
            return AgentUnavailable(f"the agent met an unexpected {type(error).__name__}")

    async def _perform(self, effect: core.Effect) -> dict[str, Any] | VacuumError:
        if isinstance(effect, core.Refuse):
            return effect.error
        if isinstance(effect, core.End):
            return {}
        if isinstance(effect, core.CloseStore):
            return await self._lock()
        if isinstance(effect, core.OpenStore):
            return await self._unlock(effect.told)
        return await self._serve_request(effect.request)

    async def _serve_request(self, request: Request) -> dict[str, Any]:
        if isinstance(request, wire.Status):
            return self._status()
        keeper = self.keeper
        assert keeper is not None  # core refuses requests to a locked agent
        reply = await self._kept(keeper, request)
        if self.state.locked:  # while the token was on its way
            keeper.drop_all()
            raise core.locked_error()
        return reply

    async def _kept(self, keeper: Keeper, request: Request) -> dict[str, Any]:
        if isinstance(request, Adopt):
            await asyncio.to_thread(keeper.adopt, request)
            return {}
        if isinstance(request, Forget):
            keeper.forget(request.server, request.account)
            return {}
        if isinstance(request, Find):
            login = await self._login(keeper, request.name, request.account)
            return {"location": keeper.store.location, **_described(login)}
        if isinstance(request, Logins):
            return await asyncio.to_thread(keeper.logins, request.name, request.account)
        if isinstance(request, Token):
            return await self._token(keeper, request)
        assert isinstance(request, Headers)
        return await self._headers(keeper, request)

    async def _login(self, keeper: Keeper, name: str, account: str) -> Login:
        login = keeper.known(name, account)
        if login is None:
            login = await asyncio.to_thread(keeper.find, name, account)
            keeper.remember(name, account, login)
        return login

    async def _token(self, keeper: Keeper, request: Token) -> dict[str, Any]:
        login = await self._login(keeper, request.name, request.account)
        held = await login.tokens.obtain_async(request.min_validity, rejected=request.rejected)
        keeper.ahead.used(login.tokens)
        return {**_described(login), **_shown(held)}

    async def _headers(self, keeper: Keeper, request: Headers) -> dict[str, Any]:
        login = await self._login(keeper, request.server, request.account)
        if request.nonce is not None:
            login.tokens.note_nonce(request.url, request.nonce)
        refused = request.refused
        carried = {"Authorization": f"DPoP {refused.reveal()}"} if refused is not None else None
        headers = await login.tokens.headers(request.method, request.url, refused=carried)
        keeper.ahead.used(login.tokens)
        return {"headers": dict(headers)}

    def _status(self) -> dict[str, Any]:
        held = self.keeper.held() if self.keeper else []
        return {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(self.place.home),
            "locked": self.state.locked,
            "started_at": self.started_at,
            "requests": self.served,
            "memory": asdict(self.protection),
            "holds": [
                {"server": server, "account": account, "seconds_left": round(left)}
                for server, account, left in held
            ],
        }

    # --- locking --------------------------------------------------------------------------------------

    async def _lock(self) -> dict[str, Any]:
        keeper, self.keeper = self.keeper, None
        await asyncio.to_thread(lock_vault, self.place.home)
        if keeper is not None:
            await asyncio.to_thread(keeper.save_unsaved)
            keeper.drop_all()
            keeper.store.close()
        gc.collect()
        return {}

    async def _unlock(self, told: Secret | None) -> dict[str, Any]:
        try:
            store = await asyncio.to_thread(vault.unlocked, self.place.home, told)
        except KeyUnavailable:
            self.state = core.opened(self.state, False, time.monotonic())
            raise
        if self.keeper is None:
            self.keeper = Keeper(store)
        else:  # it was open; what it holds may be nowhere else
            store.close()
        self.state = core.opened(self.state, True, time.monotonic())
        return {}

    # --- from time to time ----------------------------------------------------------------------------

    def _needed(self) -> bool:
        return has_unsaved() if self.keeper is None else self.keeper.needed()

    def _tick(self) -> None:
        keeper = self.keeper
        if keeper is None:
            return
        for tokens in keeper.ahead.due():
            self._in_background(self._ahead(keeper, tokens))
        if has_unsaved() and not self._background:
            self._in_background(asyncio.to_thread(keeper.save_unsaved))

    async def _ahead(self, keeper: Keeper, tokens: LoginTokens) -> None:
        await refresh_soon(tokens)
        if self.state.locked:
            keeper.drop_all()

    def _in_background(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


_VERSION_FILE = Path(__file__).parent.parent / "_version.py"


def _described(login: Login) -> dict[str, Any]:
    return {
        "server": login.server,
        "account": login.account,
        "resource": login.resource,
        "token_type": login.token_type,
    }


def _shown(held: Held) -> dict[str, Any]:
    token = held.token
    return {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "created_at": token.created_at,
        "scope": token.scope,
        "mono": held.mono,
        "generation": held.generation,
        "proved": held.prover is not None,
    }


def _encoded(reply: dict[str, Any] | VacuumError) -> bytes:
    return wire.encode_error(reply) if isinstance(reply, VacuumError) else wire.encode_reply(reply)


def _in_words(reply: dict[str, Any] | VacuumError) -> bytes:
    """What `cli/fast.py` reads: a token that may be printed as it is, or nothing."""
    if isinstance(reply, VacuumError) or reply["proved"]:
        return wire.words("no")
    return wire.words("ok", reply["token_type"], reply["access_token"])
