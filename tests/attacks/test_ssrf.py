"""SSRF: the client is made to talk to machines that the attacker cannot reach."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from mcp_vacuum.errors import SecurityRefused, ServerUnavailable
from mcp_vacuum.models import Credential
from tests.attacks.hostile import PRM, Reply
from tests.attacks.kit import Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

POLICY = defence(
    "the address is judged where the connection is made",
    {"safety.policy.NetworkPolicy.admit": lambda *_: None},
)
DISGUISE = defence("a host is a name or a plain address", {"safety.url._check_host": lambda *_: None})
_SPEC = "Server-Side Request Forgery"

LITERALS = {
    "10/8": "10.0.0.5",
    "172.16/12": "172.16.9.9",
    "192.168/16": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "loopback": "127.0.0.1",
    "another loopback": "127.9.9.9",
    "unspecified": "0.0.0.0",
    "link-local": "169.254.1.1",
    "cloud metadata": "169.254.169.254",
    "cloud metadata of Alibaba": "100.100.100.200",
    "cloud metadata of Azure": "168.63.129.16",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "[::1]",
    "IPv6 unique local": "[fd12::1]",
    "IPv6 link-local": "[fe80::1]",
    "IPv6 cloud metadata": "[fd00:ec2::254]",
    "an IPv4 address mapped into IPv6": "[::ffff:10.0.0.5]",
    "the same in hexadecimal": "[::ffff:a00:5]",
    "an IPv4-compatible address": "[::10.0.0.5]",
    "NAT64": "[64:ff9b::10.0.0.5]",
    "NAT64, local use, /96": "[64:ff9b:1::10.0.0.5]",
    "NAT64, local use, /48": "[64:ff9b:1:a00:0:500::]",
    "NAT64, local use, /48, a public address behind it": "[64:ff9b:1:a00:0:500:5db8:d70e]",
    "NAT64, local use, /56, a public address behind it": "[64:ff9b:1:a:0:5:5db8:d70e]",
    "NAT64, local use, /64, a public address behind it": "[64:ff9b:1:0:a:0:5db8:d70e]",
    "6to4": "[2002:a00:5::1]",
    "Teredo": "[2001:0:a00:5::1]",
    "ISATAP": "[2001:db8::5efe:10.0.0.5]",
}


@attacks(
    "the authorization server is at a literal address: {}",
    LITERALS,
    source="MCP security best practices, Block Private IP Ranges; RFC 9728 §7.7",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_literal(world: World, host: str) -> Loot:
    net = world.internet()
    evil = net.server("mcp.attacker.example")
    evil.resource_metadata["authorization_servers"] = [f"https://{host}/latest"]
    world.log_in(evil.url)
    return net.canary.visits


@attacks(
    "the authorization server is at an address in disguise: {}",
    {
        "one number": "2130706433",
        "octal": "0177.0.0.1",
        "hexadecimal": "0x7f000001",
        "hexadecimal parts": "0x7f.0.0.1",
        "left-out parts": "127.1",
        "a trailing dot": "10.0.0.5.",
        "escapes": "%31%30.0.0.5",
    },
    source="MCP security best practices, Block Private IP Ranges",
    defence=DISGUISE
    + POLICY
    + defence("a URL has no such characters", {"safety.url.check_endpoint": lambda url, *_, **__: url}),
    sees=Sees(SecurityRefused),
)
def test_disguised(world: World, host: str) -> Loot:
    net = world.internet()
    evil = net.server("mcp.attacker.example")
    evil.resource_metadata["authorization_servers"] = [f"https://{host}/"]
    asked: list[str] = []
    _note_connections(world, asked)
    world.log_in(evil.url)
    return net.canary.visits or [
        f"a connection to {host}" for host in asked if host != "mcp.attacker.example"
    ]


def _note_connections(world: World, asked: list[str]) -> None:
    from mcp_vacuum.drivers.transport import _SyncBackend

    real = _SyncBackend.connect_tcp

    def connect(self: _SyncBackend, host: str, *args: object, **options: object) -> object:
        asked.append(host)
        return real(self, host, *args, **options)  # type: ignore[arg-type]

    world.patch.setattr(_SyncBackend, "connect_tcp", connect)


@attacks(
    "a name leads to {}",
    {
        "a private address": ["10.0.0.5"],
        "loopback": ["127.0.0.1"],
        "cloud metadata": ["169.254.169.254"],
        "a public and a private address": ["93.184.215.99", "10.0.0.5"],
        "a private and a public address": ["10.0.0.5", "93.184.215.99"],
        "a mapped address": ["::ffff:10.0.0.5"],
        "a NAT64 address": ["64:ff9b::a00:5"],
    },
    source="MCP security best practices, DNS Resolution Considerations; RFC 9728 §7.7",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_resolved(world: World, addresses: list[str]) -> Loot:
    net = world.internet()
    net.name("as.attacker.example", *addresses)
    evil = net.server("mcp.attacker.example")
    evil.resource_metadata["authorization_servers"] = ["https://as.attacker.example"]
    world.log_in(evil.url)
    return net.canary.visits


@attacks(
    "an inner name: {}",
    {
        "localhost": "localhost",
        "localhost with a dot": "localhost.",
        "below localhost": "db.localhost",
        "cloud metadata": "metadata.google.internal",
        "an internal name": "vault.internal",
        "a name of this network": "printer.local",
    },
    source="MCP security best practices, Block Private IP Ranges; RFC 6761 §6.3, RFC 6762",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_names(world: World, host: str) -> Loot:
    """Whatever they resolve to, here to a public address, no public server points there."""
    net = world.internet()
    net.name(host, "93.184.215.99")
    evil = net.server("mcp.attacker.example")
    evil.resource_metadata["authorization_servers"] = [f"https://{host}/"]
    world.log_in(evil.url)
    return net.canary.visits


@attacks(
    "an inner address as {}",
    {
        "resource_metadata": "challenge",
        "token_endpoint": "token_endpoint",
        "registration_endpoint": "registration_endpoint",
        "device_authorization_endpoint": "device_authorization_endpoint",
    },
    source="MCP security best practices, Server-Side Request Forgery; CL-SSRF-02",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_member(world: World, member: str) -> Loot:
    from mcp_vacuum.models import ClientCredentials

    net = world.internet()
    evil = net.server("mcp.attacker.example")
    options: dict[str, Any] = {}
    if member == "challenge":
        evil.challenge = 'Bearer resource_metadata="https://10.0.0.5/x"'
    else:
        evil.metadata[member] = "https://10.0.0.5/x"
    if member.startswith("device"):
        options = {"device": True, "timeout": 1}
    if member == "token_endpoint":
        client = ClientCredentials(client_id="c", redirect_uris=("http://127.0.0.1/callback",))
        options = {"client": client, "timeout": 2}
        world.patch.setattr("mcp_vacuum.protocol.flows._CODE_TRIES", 1)
        world.user = _Answering()  # type: ignore[assignment]
    world.log_in(evil.url, **options)
    return net.canary.visits


class _Answering:
    """A person whose browser does what the hostile server says; it is on loopback, so it can."""

    def visit(self, url: str) -> str:
        import socket
        from urllib.parse import parse_qs, urlencode, urlsplit

        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        target = urlsplit(asked["redirect_uri"])
        query = urlencode({"code": "x", "state": asked["state"]})
        connection = socket.socket()
        connection.connect(("127.0.0.1", target.port or 0))
        request = f"GET {target.path}?{query} HTTP/1.1\r\nHost: {target.netloc}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(4096)
        connection.close()
        return url


@attack(
    "metadata redirects to an inner address of the same name",
    source="MCP security best practices, Validate Redirect Targets",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_rebound_redirect(world: World) -> Loot:
    """The origin is the same; the name is not at the same place any more."""
    net = world.internet()
    evil = net.server("mcp.attacker.example")
    net._names["mcp.attacker.example"] = [["93.184.215.14"], ["10.0.0.5"]]
    evil.answers[f"{PRM}*"] = Reply.to("/elsewhere")
    world.log_in(evil.url)
    return net.canary.visits


@attack(
    "a name is public when it is checked and private when it is used",
    source="MCP security best practices, DNS Resolution Considerations; CL-SSRF-04",
    defence=in_the_test(
        "the address that was checked is the one that is connected to",
        "`drivers/transport.py: _SyncBackend.connect_tcp`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.transport._Names.admitted", _checked_and_forgotten),
    ),
    sees=Sees(SecurityRefused, _SPEC),
)
def test_rebinding(world: World) -> Loot:
    """The first connection goes to the address that was checked; the second is checked anew, and refused."""
    net = world.internet()
    evil = net.server("mcp.attacker.example")
    trap = net.server("as.attacker.example", "93.184.215.50")
    evil.resource_metadata["authorization_servers"] = ["https://as.attacker.example"]
    trap.answers["/.well-known/*"] = Reply.document(
        json.dumps({**trap.document, "code_challenge_methods_supported": ["S256"]})
    )
    net._names["as.attacker.example"] = [["93.184.215.50"], ["10.0.0.5"]]
    world.log_in(evil.url, timeout=0.3)
    return net.canary.visits


def _checked_and_forgotten(names: object, host: str, infos: object) -> list[str]:
    """Careless: check one answer, then let the socket resolve the name again."""
    names._policy.admit(host, [info[4][0] for info in infos])  # type: ignore[attr-defined]
    return [host]


@attack(
    "a public server has moved into the private network by its next login",
    source="MCP security best practices, DNS Resolution Considerations",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_refresh_after_rebinding(world: World) -> Loot:
    """A refresh goes out long after the login: the reach of the record still counts."""
    from mcp_vacuum.models import Binding, ClientCredentials, Credential, OAuth2Token
    from mcp_vacuum.storage.secure import credential_of
    from mcp_vacuum.tokens.stored import stored_tokens

    net = world.internet()
    world.patch.setattr("mcp_vacuum.tokens.renewal.PATIENCE", 0.0)
    net.name("as.attacker.example", "10.0.0.5")
    server = "https://mcp.attacker.example/mcp"
    binding = Binding("https://as.attacker.example/token", "c", "https://as.attacker.example", server)
    base = Credential(
        server=server,
        resource=server,
        issuer=binding.issuer,
        token_endpoint=binding.token_endpoint,
        client=ClientCredentials(client_id="c"),
        reach="public",
    )
    kept = credential_of(server, OAuth2Token("", expires_in=1, refresh_token="rt", created_at=0.0), base)
    world.store.put(kept, expected_generation=0)
    world.attempt(lambda: stored_tokens(world.store, server, resource=server).obtain())
    return net.canary.visits


@attack(
    "the address that manages a registration is an inner one",
    source="RFC 7592 §3, MCP security best practices, Server-Side Request Forgery",
    defence=POLICY,
    sees=None,
)
def test_management(world: World) -> Loot:
    """It is not used at login, so nobody looks at it then; `logout` would."""
    from mcp_vacuum.logout import logout_blocking
    from mcp_vacuum.models import ClientCredentials
    from mcp_vacuum.safety.secret import Secret

    net = world.internet()
    server = "https://mcp.attacker.example/mcp"
    client = ClientCredentials(
        client_id="c",
        issuer="https://as.attacker.example",
        registration="dynamic",
        registration_client_uri="https://10.0.0.5/delete-everything",
        registration_access_token=Secret("rat"),
    )
    world.store.put(
        Credential(server=server, client=client, issuer=client.issuer, reach="public", generation=1),
        expected_generation=0,
    )
    world.attempt(lambda: logout_blocking(world.store, _stored(world, server)))
    return net.canary.visits


def _stored(world: World, server: str) -> Credential:
    record = world.store.get(server)
    assert record is not None
    return record


@attack(
    "localhost is given a public address, to have http taken for private",
    source="RFC 6761 §6.3",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_localhost_elsewhere(world: World) -> Loot:
    net = world.internet()
    net.name("localhost", "93.184.215.77")
    world.log_in("http://localhost:8000/mcp")
    return net.canary.visits


@attack(
    "a server on loopback points into the private network",
    source="MCP security best practices, Server-Side Request Forgery",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC, "10.0.0.5"),
)
def test_from_loopback(world: World) -> Loot:
    evil = world.hostile()
    net = world.internet()
    net.route("127.0.0.1", evil.port)
    evil.resource_metadata["authorization_servers"] = ["https://10.0.0.5"]
    world.log_in(evil.url)
    return net.canary.visits


def _refusing(asked: list[str]) -> object:
    def do_connect(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_error(502)

    return do_connect


@attack(
    "the proxy is asked for an inner address",
    source="MCP security best practices, Use Egress Proxies",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_through_a_proxy(world: World) -> Loot:
    """Behind a proxy the proxy resolves; what can be read of a URL is still checked."""
    asked: list[str] = []
    proxy = world.hostile(answers={"*": Reply(502)})
    world.patch.setenv("https_proxy", proxy.origin)
    world.patch.setattr("tests.attacks.hostile._Handler.do_CONNECT", _refusing(asked), raising=False)
    from mcp_vacuum.drivers.sync import SyncDriver
    from mcp_vacuum.protocol.discovery import discover_auth_server
    from mcp_vacuum.safety.policy import NetworkPolicy

    policy = NetworkPolicy("mcp.attacker.example")
    world.attempt(lambda: SyncDriver(policy).run(discover_auth_server("https://10.0.0.5")))
    return [f"CONNECT {target}" for target in asked]


@attacks(
    "plain http on the internet as {}",
    {
        "resource_metadata": "challenge",
        "authorization server": "issuer",
        "token_endpoint": "token_endpoint",
        "registration_endpoint": "registration_endpoint",
        "revocation_endpoint": "revocation_endpoint",
        "device_authorization_endpoint": "device_authorization_endpoint",
    },
    source="OAuth 2.1 §1.5, MCP authorization, Communication Security; CL-SSRF-01",
    defence=defence(
        "a URL is checked before a request", {"safety.url.check_endpoint": lambda url, *_, **__: url}
    ),
    sees=Sees(SecurityRefused, says="plain http"),
)
def test_plain_http(world: World, member: str) -> Loot:
    """Whoever is on the way reads codes, secrets and tokens, and writes metadata."""
    net = world.internet()
    evil = net.server("mcp.attacker.example")
    url, trap = "http://on-the-way.attacker.example/x", world.hostile()
    net.name("on-the-way.attacker.example", "93.184.215.60")
    net.route("93.184.215.60", trap.port)
    if member == "challenge":
        evil.challenge = f'Bearer resource_metadata="{url}"'
    elif member == "issuer":
        evil.resource_metadata["authorization_servers"] = [url]
    else:
        evil.metadata[member] = url
    options: dict[str, Any] = {"device": True} if member.startswith("device") else {}
    if member in ("token_endpoint", "revocation_endpoint"):
        world.patch.setattr("mcp_vacuum.protocol.flows._CODE_TRIES", 1)
        world.user = _Answering()  # type: ignore[assignment]
    world.log_in(evil.url, timeout=2, **options)
    record = world.store.get(evil.url)
    if member == "revocation_endpoint" and record is not None:
        from mcp_vacuum.logout import logout_blocking

        logout_blocking(world.store, record)
    return [f"{got.method} {got.path} in the clear" for got in trap.got]


@attacks(
    "the async face, the authorization server at {}",
    {
        "a private address": "10.0.0.5",
        "cloud metadata": "169.254.169.254",
        "a mapped address": "[::ffff:10.0.0.5]",
        "a name that leads into the network": "inside.attacker.example",
    },
    source="MCP security best practices, Block Private IP Ranges; CL-SSRF-02",
    defence=POLICY,
    sees=Sees(SecurityRefused, _SPEC),
)
def test_async(world: World, host: str) -> Loot:
    """The transport has a twin; both have to hold."""
    import asyncio

    import anyio

    from mcp_vacuum.drivers.aio import AsyncDriver
    from mcp_vacuum.protocol.discovery import discover_auth_server
    from mcp_vacuum.safety.address import Reach
    from mcp_vacuum.safety.policy import NetworkPolicy

    net = world.internet()
    net.name("inside.attacker.example", "10.0.0.9")
    reached: list[str] = []

    async def connect(remote_host: str, *_: Any, **__: Any) -> Any:
        reached.append(remote_host)
        raise OSError("the internet of this test ends here")

    world.patch.setattr(anyio, "connect_tcp", connect)
    policy = NetworkPolicy("mcp.attacker.example", Reach.PUBLIC)
    flow = discover_auth_server(f"https://{host}")
    world.attempt(lambda: asyncio.run(AsyncDriver(policy).run(flow)))
    return [f"a connection to {address}" for address in reached]


@attack(
    "the async face, public when it is checked and private when it is used",
    source="MCP security best practices, DNS Resolution Considerations; CL-SSRF-04",
    defence=in_the_test(
        "the address that was checked is the one that is connected to",
        "`drivers/transport.py: _AsyncBackend._connect`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.transport._Names.admitted", _checked_and_forgotten),
    ),
    sees=Sees(ServerUnavailable),
)
def test_async_rebinding(world: World) -> Loot:
    import asyncio
    import socket

    import anyio

    from mcp_vacuum.drivers.aio import AsyncDriver
    from mcp_vacuum.protocol.discovery import discover_auth_server
    from mcp_vacuum.safety.address import Reach
    from mcp_vacuum.safety.policy import NetworkPolicy

    net = world.internet()
    net.rebinds("as.attacker.example", "93.184.215.70", "10.0.0.5")
    reached: list[str] = []

    async def connect(remote_host: str, *_: Any, **__: Any) -> Any:
        reached.append(str(socket.getaddrinfo(remote_host, 443)[0][4][0]))
        raise OSError("the internet of this test ends here")

    world.patch.setattr(anyio, "connect_tcp", connect)
    policy = NetworkPolicy("mcp.attacker.example", Reach.PUBLIC)
    flow = discover_auth_server("https://as.attacker.example")
    world.attempt(lambda: asyncio.run(AsyncDriver(policy).run(flow)))
    return [f"a connection to {address}" for address in reached if address.startswith("10.")]
