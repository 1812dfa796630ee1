"""Redirects: an endpoint sends what it was given on to somebody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx2

from mcp_vacuum.errors import AuthenticationError, SecurityRefused
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import METADATA, PRM, REDIRECTS, STOLEN, Hostile, Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World


def _following(patch: Any) -> None:
    from mcp_vacuum.drivers.transport import SyncTransport

    real = SyncTransport.send

    def send(self: SyncTransport, request: HttpRequest) -> HttpResponse:
        """Careless: as most HTTP clients do, method and body kept for 307 and 308."""
        for _ in range(20):
            response = real(self, request)
            location = response.header("location")
            if response.status not in REDIRECTS or not location:
                break
            target: Any = urljoin(request.url, location)
            request = replace(request, url=target)
            if response.status not in (307, 308):
                request = replace(request, method="GET", body=None)
        return response

    patch.setattr(SyncTransport, "send", send)


NOT_FOLLOWED = in_the_test(
    "no redirect is followed", "`drivers/transport.py: SyncTransport.send`", _following
)
SAME_ORIGIN = defence(
    "metadata redirects within its origin only", {"protocol.discovery._same_origin": lambda *_: True}
)


@attacks(
    "{} is redirected to another origin",
    {"resource metadata": PRM, "server metadata": METADATA},
    source="MCP security best practices, Validate Redirect Targets; RFC 9728 §7.7",
    defence=SAME_ORIGIN,
    sees=Sees(SecurityRefused, "Validate Redirect Targets", "another origin"),
)
def test_metadata(world: World, path: str) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    evil.answers[f"{path}*"] = Reply.to(f"{thief.origin}/found")
    world.log_in(evil.url)
    return [f"a request to {got.path}" for got in thief.got]


@attacks(
    "metadata redirects to {}",
    {
        "a file": "file:///etc/passwd",
        "a script": "javascript:alert(1)",
        "another scheme": "gopher://127.0.0.1/",
    },
    source="MCP security best practices, Server-Side Request Forgery",
    defence=SAME_ORIGIN
    + defence("a URL is checked before a request", {"safety.url.check_endpoint": lambda url, *_, **__: url}),
    sees=Sees(SecurityRefused),
)
def test_schemes(world: World, target: str) -> Loot:
    evil = world.hostile()
    evil.answers[f"{METADATA}*"] = Reply.to(target)
    asked: list[str] = []
    _note(world, asked)
    world.log_in(evil.url)
    return [url for url in asked if not url.startswith("http")]


def _note(world: World, asked: list[str]) -> None:
    from mcp_vacuum.drivers.transport import SyncTransport

    real = SyncTransport.send

    def send(self: SyncTransport, request: HttpRequest) -> HttpResponse:
        asked.append(request.url)
        return real(self, request)

    world.patch.setattr(SyncTransport, "send", send)


@attack(
    "metadata redirects in circles",
    source="MCP security best practices, Validate Redirect Targets",
    defence=defence("three redirects are enough", {"protocol.discovery.MAX_REDIRECTS": 60}),
    sees=Sees(SecurityRefused, says="redirects more than"),
)
def test_circles(world: World) -> Loot:
    evil = world.hostile()
    evil.answers[f"{METADATA}*"] = Reply.to(METADATA)
    world.log_in(evil.url)
    asked = len(evil.to(METADATA))
    return [f"{asked} requests"] if asked > 10 else []


@attack(
    "the registration endpoint redirects",
    source="OAuth 2.1 §7.5.4, RFC 9700 §4.12",
    defence=NOT_FOLLOWED,
    sees=Sees(AuthenticationError, "RFC 7591"),
)
def test_registration(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    evil.answers["/register"] = Reply.to(f"{thief.origin}/register", 307)
    world.log_in(evil.url)
    return [f"a registration of {got.json['redirect_uris']}" for got in thief.to("/register")]


@attacks(
    "the token endpoint redirects a code with {}",
    {"307": 307, "308": 308},
    source="RFC 9700 §4.12",
    defence=NOT_FOLLOWED,
    sees=Sees(AuthenticationError, "RFC 6749 §5.1", "status 30"),
)
def test_code(world: World, status: int) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    evil.answers["/token"] = Reply.to(f"{thief.origin}/token", status)
    world.log_in(evil.url)
    return thief.saw("the code", STOLEN) + thief.forms("/token", "code_verifier")


def _logged_in(world: World) -> tuple[Hostile, Hostile]:
    evil, thief = world.hostile(), world.hostile()
    world.log_in(evil.url)
    assert world.error is None
    ACCESS_TOKENS._held.clear()
    return evil, thief


@attack(
    "the token endpoint redirects a refresh",
    source="RFC 9700 §4.12, RFC 6749 §10.4",
    defence=NOT_FOLLOWED,
    sees=Sees(AuthenticationError, says="status 308"),
)
def test_refresh(world: World) -> Loot:
    evil, thief = _logged_in(world)
    evil.answers["/token"] = Reply.to(f"{thief.origin}/token", 308)
    world.attempt(lambda: stored_tokens(world.store, evil.url, resource=evil.url).obtain())
    return thief.saw("the refresh token", "attackers-refresh-token")


@attack(
    "the revocation endpoint redirects",
    source="RFC 7009 §2, RFC 9700 §4.12",
    defence=NOT_FOLLOWED,
    sees=NOTHING,
)
def test_revocation(world: World) -> Loot:
    evil, thief = _logged_in(world)
    evil.answers["/revoke"] = Reply.to(f"{thief.origin}/revoke", 307)
    record = world.store.get(evil.url)
    assert record is not None
    world.attempt(lambda: logout_blocking(world.store, record))
    return thief.saw("the refresh token", "attackers-refresh-token")


@attack(
    "the address that manages a registration redirects",
    source="RFC 7592 §3, RFC 9700 §4.12",
    defence=NOT_FOLLOWED,
    sees=NOTHING,
)
def test_management(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    managed = {
        "registration_client_uri": f"{evil.origin}/manage",
        "registration_access_token": "rat-0123456789",
    }
    evil.registered |= managed
    evil.answers["/manage"] = Reply.to(f"{thief.origin}/manage", 307)
    world.log_in(evil.url)
    record = world.store.get(evil.url)
    assert record is not None
    world.attempt(lambda: logout_blocking(world.store, record))
    return thief.saw("the registration access token", "rat-0123456789")


@attack(
    "the device endpoint redirects a client secret",
    source="RFC 8628 §3.1, RFC 9700 §4.12",
    defence=NOT_FOLLOWED,
    sees=Sees(AuthenticationError),
)
def test_device(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    evil.registered |= {"client_secret": "s3cret-0123", "token_endpoint_auth_method": "client_secret_post"}
    evil.answers["/device"] = Reply.to(f"{thief.origin}/device", 307)
    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", lambda _: None)
    world.log_in(evil.url, device=True)
    return thief.saw("the client secret", "s3cret-0123")


@attack(
    "the MCP server redirects the first request elsewhere",
    source="MCP security best practices, Validate Redirect Targets",
    defence=NOT_FOLLOWED,
    sees=Sees(AuthenticationError),
)
def test_probe(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    evil.answers |= {"/mcp": Reply.to(f"{thief.origin}/mcp", 307), "/.well-known/*": Reply(404)}
    world.log_in(evil.url)
    return [f"a request to {got.path}" for got in thief.got]


def _call(world: World, url: str, auth: httpx2.Auth) -> None:
    def call() -> None:
        with httpx2.Client(auth=auth, trust_env=False, follow_redirects=True) as client:
            client.post(url, json={})

    world.attempt(call)


class _Static(httpx2.Auth):
    """Careless: a header on whatever goes out, redirects included."""

    def auth_flow(self, request: httpx2.Request) -> Any:
        request.headers["X-Token"] = "attackers-access-token"
        yield request


@attack(
    "the MCP server redirects a request with a token to another origin",
    source="RFC 9700 §4.9.1, huggingface/chat-ui#2250",
    defence=in_the_test(
        "the token is in `Authorization`, which no client carries to another origin",
        "`integrations/httpx2.py: VacuumAuth`",
        lambda patch: patch.setattr("tests.attacks.test_redirects.VacuumAuth", lambda _: _Static()),
    ),
    sees=NOTHING,
)
def test_call(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    world.log_in(evil.url)
    evil.answers["/mcp"] = Reply.to(f"{thief.origin}/mcp", 307)
    _call(world, evil.url, VacuumAuth(stored_tokens(world.store, evil.url, resource=evil.url)))
    return thief.saw("the access token", "attackers-access-token")
