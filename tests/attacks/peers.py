"""The same hostile servers against the clients of others: the MCP SDK's provider and FastMCP's.

Each is driven as its own documentation says, with the HTTP client that its package makes. What the attacker
receives decides, as in the suite; an error that a peer shows meanwhile is not judged.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import warnings
import webbrowser
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from fastmcp.client.auth import OAuth as FastMcpOriginal
from key_value.aio.stores.memory import MemoryStore
from mcp.client.auth import OAuthClientProvider as SdkOriginal
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from mcp_vacuum.integrations.fastmcp import OAuth as FastMcpOurs
from mcp_vacuum.integrations.mcp import OAuthClientProvider as SdkOurs
from mcp_vacuum.lab import User
from tests.attacks.hostile import METADATA, PRM, STOLEN, Got, Reply
from tests.attacks.test_documents import MEGABYTE, _endless
from tests.attacks.test_mix_up import _between
from tests.attacks.world import World
from tests.helpers import visited_by
from tests.integrations.originals.kit import HEADERS, RPC, Memory

PATIENCE = 8
"""Seconds for one call of a client."""
TOKEN = "attackers-access-token"


@dataclass
class Person:
    """Somebody whose browser opens what it is given, and goes where it is sent."""

    shown: list[str] = field(default_factory=list)
    end: str = ""

    def open(self, url: str) -> bool:
        """`webbrowser.open` of a peer that has its own callback server."""
        self.shown.append(url)
        threading.Thread(target=self._go, args=(url,), daemon=True).start()
        return True

    def _go(self, url: str) -> None:
        with suppress(OSError, ValueError, RuntimeError):
            self._deliver(User(timeout=5).visit(url))

    def _deliver(self, end: str) -> None:
        """Knock until the callback server is there: it starts after the browser."""
        parts, deadline = urlsplit(end), time.monotonic() + 3
        while parts.netloc and time.monotonic() < deadline:
            try:
                connection = HTTPConnection(parts.netloc, timeout=3)
                connection.request("GET", f"{parts.path}?{parts.query}")
                connection.getresponse().read()
                connection.close()
            except OSError:
                time.sleep(0.05)
            else:
                return

    async def show(self, url: str) -> None:
        """The SDK's redirect handler."""
        self.shown.append(url)
        with suppress(OSError, ValueError, RuntimeError):
            self.end = await asyncio.to_thread(User(timeout=5).visit, url)

    async def wait(self) -> AuthorizationCodeResult:
        """The SDK's callback handler: it hands over what came."""
        query = parse_qs(urlsplit(self.end).query)
        given = {name: query[name][0] for name in ("code", "state", "iss") if name in query}
        return AuthorizationCodeResult(**given)


@dataclass
class Client:
    """One client of somebody, and the storage that it keeps."""

    package: str
    ours: bool
    world: World
    person: Person = field(default_factory=Person)
    memory: Any = None

    def __post_init__(self) -> None:
        self.memory = Memory() if self.package == "mcp" else MemoryStore()
        self.world.patch.setattr(webbrowser, "open", self.person.open)

    def auth(self, url: str) -> httpx2.Auth:
        """The provider, as after a restart of the program."""
        if self.package == "fastmcp":
            if self.ours:
                ways = visited_by(_Opening(self.person))  # type: ignore[arg-type]
                return FastMcpOurs(url, token_storage=self.memory, ways=ways, callback_timeout=2)
            return FastMcpOriginal(url, token_storage=self.memory, callback_timeout=2)
        metadata = OAuthClientMetadata.model_validate(
            {
                "redirect_uris": ["http://127.0.0.1:9/callback"],
                "client_name": "peer",
                "token_endpoint_auth_method": "none",
            }
        )
        provider = SdkOurs if self.ours else SdkOriginal
        return provider(url, metadata, self.memory, self.person.show, self.person.wait)

    def call(self, url: str, auth: httpx2.Auth | None = None, target: str | None = None) -> None:
        """One request of an MCP client with the package's own HTTP client."""

        async def once() -> None:
            async with asyncio.timeout(PATIENCE), create_mcp_http_client(auth=auth or self.auth(url)) as http:
                await http.post(target or url, headers=HEADERS, json=RPC)

        self.world.attempt(lambda: asyncio.run(once()))


class _Opening:
    """The person of our own drop-in, who notes what is opened."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def visit(self, url: str) -> str:
        self._person.shown.append(url)
        with suppress(OSError, ValueError, RuntimeError):
            return User(timeout=5).visit(url)
        return url


Scenario = Callable[[World, Client], Iterable[str]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Enter a scenario under the name of the table."""

    def enter(perform: Scenario) -> Scenario:
        SCENARIOS[name] = perform
        return perform

    return enter


@scenario("mix-up: the attacker's server sends the browser to an honest one that states `iss`")
def mix_up(world: World, client: Client) -> Iterable[str]:
    lab, evil = world.lab(), world.hostile()
    _between(lab, evil)
    client.call(evil.url)
    return evil.forms("/token", "code", "code_verifier")


@scenario("`iss` of another server in the answer")
def wrong_iss(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(callback={"iss": ["https://accounts.honest.example"]})
    client.call(evil.url)
    return evil.forms("/token", "code")


@scenario("promised `iss` is left out")
def missing_iss(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"authorization_response_iss_parameter_supported": True})
    client.call(evil.url)
    return evil.forms("/token", "code")


@scenario("server metadata names another issuer")
def issuer(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"issuer": "https://accounts.honest.example"})
    client.call(evil.url)
    return evil.forms("/token", "code")


@scenario("metadata of another server's resource")
def resource(world: World, client: Client) -> Iterable[str]:
    lab, evil = world.lab(), world.hostile()
    evil.resource_metadata = {"resource": lab.resource, "authorization_servers": [lab.issuer]}
    client.call(evil.url)
    return evil.saw("a token of the honest server", *lab.issued_access_tokens)


@scenario("PKCE is not advertised")
def no_pkce(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"code_challenge_methods_supported": None})
    client.call(evil.url)
    return evil.forms("/token", "code")


@scenario("PKCE is advertised as plain alone")
def plain(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"code_challenge_methods_supported": ["plain"]})
    client.call(evil.url)
    return evil.forms("/token", "code")


@scenario("the answer carries another `state`")
def state(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(callback={"state": ["not-ours"]})
    client.call(evil.url)
    return evil.forms("/token", "code")


def _shown(client: Client, *begins: str) -> list[str]:
    return [
        f"a browser was given {url[:50]!r}" for url in client.person.shown if url.lower().startswith(begins)
    ]


@scenario("`authorization_endpoint` is a script")
def script(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"authorization_endpoint": "javascript:alert(1)//"})
    client.call(evil.url)
    return _shown(client, "javascript:")


@scenario("`authorization_endpoint` is a file")
def file(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"authorization_endpoint": "file:///bin/sh"})
    client.call(evil.url)
    return _shown(client, "file:")


@scenario("`authorization_endpoint` is plain http on the internet")
def plain_http(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(metadata={"authorization_endpoint": "http://attacker.example/authorize"})
    _watched(world, {"attacker.example": evil.port})
    client.call(evil.url)
    return _shown(client, "http://attacker.example")


@scenario("`authorization_endpoint` hides its host behind a user name")
def user_name(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile()
    evil.metadata["authorization_endpoint"] = (
        f"http://accounts.honest.example@127.0.0.1:{evil.port}/authorize"
    )
    client.call(evil.url)
    return _shown(client, "http://accounts.honest.example@")


@scenario("metadata without an end")
def endless(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile()
    evil.answers[f"{METADATA}*"] = lambda _: Reply(200, _endless())
    client.call(evil.url)
    return [f"{evil.sent // MEGABYTE} MiB were taken"] if evil.sent > 12 * MEGABYTE else []


@scenario("metadata that unpacks to 64 MiB")
def bomb(world: World, client: Client) -> Iterable[str]:
    import gzip

    evil = world.hostile()
    packed = gzip.compress(b" " * (64 * MEGABYTE))
    asked: list[str] = []

    def answer(got: Got) -> Reply:
        asked.append(got.header("accept-encoding"))
        return Reply(200, packed, (("Content-Encoding", "gzip"), ("Content-Type", "application/json")))

    sizes: list[int] = []
    real = httpx2.Response.aread

    async def aread(response: httpx2.Response) -> bytes:
        content = await real(response)
        sizes.append(len(content))
        return content

    world.patch.setattr(httpx2.Response, "aread", aread)
    evil.answers[f"{METADATA}*"] = answer
    client.call(evil.url)
    return [f"{size // MEGABYTE} MiB in memory" for size in sizes if size > MEGABYTE]


@scenario("the token endpoint redirects code and verifier to another origin")
def token_redirect(world: World, client: Client) -> Iterable[str]:
    evil, thief = world.hostile(), world.hostile()
    evil.answers["/token"] = Reply.to(f"{thief.origin}/token", 307)
    client.call(evil.url)
    return thief.saw("the code", STOLEN)


@scenario("resource metadata redirects to another origin")
def metadata_redirect(world: World, client: Client) -> Iterable[str]:
    evil, thief = world.hostile(), world.hostile()
    evil.answers[f"{PRM}*"] = Reply.to(f"{thief.origin}/found")
    client.call(evil.url)
    return [f"a request to {got.path}" for got in thief.got]


def _watched(world: World, here: Mapping[str, int] = MappingProxyType({})) -> list[str]:
    """Note who is connected to; beyond loopback only the names in `here` are reached, at these ports."""
    reached: list[str] = []
    real = anyio.connect_tcp

    async def connect(remote_host: str, *args: Any, **options: Any) -> Any:
        if remote_host in ("127.0.0.1", "localhost"):
            return await real(remote_host, *args, **options)
        reached.append(str(remote_host))
        if remote_host in here:
            return await real("127.0.0.1", here[remote_host])
        raise OSError("the internet of this test ends here")

    world.patch.setattr(anyio, "connect_tcp", connect)
    resolve = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if host in ("127.0.0.1", "localhost", None) or options.get("flags"):
            return resolve(host, *args, **options)
        return [
            (
                socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (str(host) if host[:1].isdigit() else "93.184.215.14", 443),
            )
        ]

    world.patch.setattr(socket, "getaddrinfo", look_up)
    world.patch.setattr(socket, "create_connection", _nowhere(reached, socket.create_connection))
    return reached


def _nowhere(reached: list[str], real: Any) -> Any:
    def connect(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        if address[0] in ("127.0.0.1", "localhost"):
            return real(address, *args, **options)  # type: ignore[no-any-return]
        reached.append(address[0])
        raise OSError("the internet of this test ends here")

    return connect


@scenario("the authorization server is the cloud's metadata service")
def cloud(world: World, client: Client) -> Iterable[str]:
    reached = _watched(world)
    evil = world.hostile(resource_metadata={"authorization_servers": ["https://169.254.169.254/latest"]})
    client.call(evil.url)
    return [f"a connection to {host}" for host in reached]


@scenario("the authorization server is plain http on the internet")
def plain_issuer(world: World, client: Client) -> Iterable[str]:
    reached = _watched(world)
    evil = world.hostile(resource_metadata={"authorization_servers": ["http://as.example"]})
    client.call(evil.url)
    return [f"a connection to {host}" for host in reached]


@scenario("the metadata is hidden, traps lie at `/authorize`, `/token` and `/register`")
def traps(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(answers={"/.well-known/*": Reply(404)})
    client.call(evil.url)
    return [
        f"a request to {got.path}" for got in evil.got if got.path in ("/authorize", "/token", "/register")
    ]


@scenario("one client object calls another host")
def other_host(world: World, client: Client) -> Iterable[str]:
    evil, thief = world.hostile(), world.hostile()
    auth = client.auth(evil.url)
    client.call(evil.url, auth)
    client.call(evil.url, auth, thief.url)
    return thief.saw("the token", TOKEN)


@scenario("a redirect within the origin leaves the resource")
def other_path(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile()
    auth = client.auth(evil.url)
    client.call(evil.url, auth)
    evil.answers["/mcp"] = Reply.to("/admin", 307)
    client.call(evil.url, auth)
    return [f"the token at {got.path}" for got in evil.to("/admin") if TOKEN in got.header("authorization")]


@scenario("the server moves to another authorization server, to get the old refresh token or client")
def moved(world: World, client: Client) -> Iterable[str]:
    evil, thief = (
        world.hostile(),
        world.hostile(registered={"client_id": "c"}, granted={"refresh_token": "r"}),
    )
    client.call(evil.url)
    evil.resource_metadata["authorization_servers"] = [thief.origin]
    evil.answers["/mcp"] = Reply(
        401, b"", (("WWW-Authenticate", f'Bearer resource_metadata="{evil.origin}{PRM}/mcp"'),)
    )
    client.call(evil.url)
    return thief.saw("something of the old login", "attackers-refresh-token", "victim-at-attacker")


@scenario("another scope is asked for after each grant")
def scopes(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile()
    count = iter(range(100))

    def more(got: Got) -> Reply:
        if not got.header("authorization"):
            return Reply(401, b"", (("WWW-Authenticate", "Bearer"),))
        return Reply(
            403, b"", (("WWW-Authenticate", f'Bearer error="insufficient_scope", scope="s{next(count)}"'),)
        )

    evil.answers["/mcp"] = more
    client.call(evil.url)
    visits = len(evil.to("/authorize"))
    return [f"{visits} tabs for one call"] if visits > 2 else []


@scenario("`expires_in` is a number of 400 digits")
def lifetime(world: World, client: Client) -> Iterable[str]:
    from mcp_vacuum.errors import VacuumError

    evil = world.hostile()
    number = "1" + "0" * 400
    evil.answers["/token"] = Reply.document(
        f'{{"access_token": "{TOKEN}", "token_type": "Bearer", "expires_in": {number}}}'
    )
    client.call(evil.url)
    crashed = isinstance(world.error, OverflowError) and not isinstance(world.error, VacuumError)
    return ["the program crashes: OverflowError"] if crashed else []


@scenario("the registration answers with the attacker's redirect URI alone")
def redirect_uri(world: World, client: Client) -> Iterable[str]:
    evil = world.hostile(registered={"redirect_uris": ["http://127.0.0.1:1/elsewhere"]})
    client.call(evil.url)
    return [f"a visit for {got.query['redirect_uri'][0]}" for got in evil.to("/authorize")]


@scenario("metadata disappears after the login, and the refresh token goes to the server itself")
def refresh_token(world: World, client: Client) -> Iterable[str]:
    """The scenario of the drop-ins' own tests (LibreChat#12266)."""
    from tests.integrations.originals import kit, scenarios

    kits: dict[tuple[str, bool], kit.Kit] = {
        ("mcp", False): kit.SDK_ORIGINAL,
        ("mcp", True): kit.SDK_OURS,
        ("fastmcp", False): kit.FASTMCP_ORIGINAL,
        ("fastmcp", True): kit.FASTMCP_OURS,
    }
    world.patch.setattr(webbrowser, "open", kit.browse)
    try:
        scenarios.refresh_token_stays_away_from_the_resource_server(kits[client.package, client.ours])
    except AssertionError as found:
        return [str(found).partition("\n")[0]]
    return []


# --- the run ----------------------------------------------------------------------------------------------

PEERS = (("mcp", False), ("fastmcp", False), ("mcp", True), ("fastmcp", True))


def falls(name: str, package: str, ours: bool) -> tuple[str, ...]:
    """Return what the attacker received of one client."""
    with World() as world, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loot = tuple(SCENARIOS[name](world, Client(package, ours, world)))
        gc.collect()
    return loot


def observed() -> dict[str, tuple[bool, ...]]:
    """Run everything; True where a client fell."""
    return {name: tuple(bool(falls(name, *peer)) for peer in PEERS) for name in SCENARIOS}
