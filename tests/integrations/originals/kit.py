"""The providers under test, built in the same way, and what a scenario needs around them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx2
from fastmcp.client.auth import OAuth as OriginalOAuth
from key_value.aio.stores.memory import MemoryStore
from mcp.client.auth import OAuthClientProvider as OriginalProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from mcp_vacuum.integrations.fastmcp import OAuth
from mcp_vacuum.integrations.mcp import OAuthClientProvider
from mcp_vacuum.lab import Lab, User
from tests.helpers import AGREES

RPC = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
REDIRECT = "http://127.0.0.1:9/callback"
"""Nobody listens there: the handlers of these tests take the redirect from the user's hands."""


async def call(auth: httpx2.Auth, url: str, method: str = "POST") -> httpx2.Response:
    """One request of an MCP client."""
    async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=30) as client:
        return await client.request(method, url, headers=HEADERS, json=RPC if method == "POST" else None)


def consents(lab: Lab) -> int:
    """How often a person said yes."""
    return len(lab.recorder.to("/consent"))


# --- storages ---------------------------------------------------------------------------------------------


class Memory:
    """A `TokenStorage` of the SDK's shape."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Hands:
    """The two handlers that an application writes; the person consents after `delay` seconds."""

    delay: float = 0.0
    shown: list[str] = field(default_factory=list)
    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list)
    end: str = ""

    async def show(self, url: str) -> None:
        self.shown.append(url)
        self.loops.append(asyncio.get_running_loop())
        self.end = await asyncio.to_thread(User(delay=self.delay).visit, url)

    async def wait(self) -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(self.end).query)
        given = {name: query[name][0] for name in ("code", "state", "iss") if name in query}
        return AuthorizationCodeResult(**given)


# --- the kits ---------------------------------------------------------------------------------------------


class Kit(Protocol):
    """How one package is used."""

    def storage(self) -> Any: ...

    def provider(self, url: str, storage: Any, account: str = "default") -> httpx2.Auth: ...

    async def forget_access_token(self, url: str, storage: Any) -> None:
        """The application keeps no access tokens."""
        ...


@dataclass(frozen=True)
class Sdk:
    """The MCP SDK's provider, or ours in its place."""

    provider_class: Callable[..., httpx2.Auth]

    def storage(self) -> dict[str, Memory]:
        return {}

    def provider(self, url: str, storage: dict[str, Memory], account: str = "default") -> httpx2.Auth:
        hands = Hands()
        metadata = OAuthClientMetadata.model_validate(
            {"redirect_uris": [REDIRECT], "client_name": "scenario", "token_endpoint_auth_method": "none"}
        )
        kept = storage.setdefault(account, Memory())
        return self.provider_class(url, metadata, kept, hands.show, hands.wait)

    async def forget_access_token(self, url: str, storage: dict[str, Memory]) -> None:
        for kept in storage.values():
            if kept.tokens is not None:
                kept.tokens = kept.tokens.model_copy(update={"access_token": ""})


@dataclass(frozen=True)
class FastMcp:
    """FastMCP's provider, or ours in its place. Only ours knows accounts."""

    provider_class: Callable[..., httpx2.Auth]
    ours: bool

    def storage(self) -> MemoryStore:
        return MemoryStore()

    def provider(self, url: str, storage: MemoryStore, account: str = "default") -> httpx2.Auth:
        if self.ours:
            return self.provider_class(url, token_storage=storage, account=account, ways=AGREES)
        return self.provider_class(url, token_storage=storage, callback_timeout=10)

    async def forget_access_token(self, url: str, storage: MemoryStore) -> None:
        from fastmcp.client.auth.oauth import TokenStorageAdapter

        adapter = TokenStorageAdapter(storage, url)
        tokens = await adapter.get_tokens()
        if tokens is not None:
            await adapter.set_tokens(tokens.model_copy(update={"access_token": ""}))


SDK_ORIGINAL = Sdk(OriginalProvider)
SDK_OURS = Sdk(OAuthClientProvider)
FASTMCP_ORIGINAL = FastMcp(OriginalOAuth, ours=False)
FASTMCP_OURS = FastMcp(OAuth, ours=True)


def browse(url: str) -> bool:
    """`webbrowser.open` for the original of FastMCP, whose callback server starts after the browser."""

    def visit() -> None:
        with suppress(OSError):  # a login that was cancelled, whose laboratory is gone
            deliver(User().visit(url))

    def deliver(end: str) -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                parts = urlsplit(end)
                with closing(HTTPConnection(parts.netloc, timeout=5)) as connection:
                    connection.request("GET", f"{parts.path}?{parts.query}")
                    connection.getresponse().read()
            except OSError:
                time.sleep(0.05)
            else:
                return

    threading.Thread(target=visit, daemon=True).start()
    return True


# --- one more server --------------------------------------------------------------------------------------


@dataclass
class Resource:
    """A resource whose authorization server is somebody else's; GET answers when it is released."""

    url: str
    issuer: str | None = None
    authorizations: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.release.set()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        served = self.server.served
        if "/.well-known/oauth-protected-resource" in self.path and served.issuer:
            self._json(200, {"resource": served.url, "authorization_servers": [served.issuer]})
        elif self._admitted():
            served.asked.set()
            served.release.wait(20)
            self._json(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._admitted():
            self._json(200, {"jsonrpc": "2.0", "id": 1, "result": {}})

    def _admitted(self) -> bool:
        carried = self.headers.get("Authorization") or ""
        self.server.served.authorizations.append(carried)
        if self.server.served.issuer and not carried:
            self._json(401, {}, ("WWW-Authenticate", "Bearer"))
            return False
        return True

    def _json(self, status: int, document: object, *headers: tuple[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), *headers):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    served: Resource


@contextmanager
def resource() -> Iterator[Resource]:
    """Start a resource. Where `issuer` is set it wants a token, else it answers everybody."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.served = Resource(f"http://127.0.0.1:{server.server_port}/mcp")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
