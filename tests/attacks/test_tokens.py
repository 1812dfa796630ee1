"""Tokens: they go where they do not belong, or are not what was asked for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx2

from mcp_vacuum.errors import AuthenticationError, SecurityRefused, VacuumError, WrongAudience
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.integrations.interactive import InteractiveSource
from mcp_vacuum.models import Binding, ClientCredentials, OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.sync import OAuth2Client, SecureTokenStorage, TokenManager
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import Got, Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World
from tests.helpers import visited_by

TOKEN = "attackers-access-token"
AUDIENCE = defence(
    "a token goes under its own resource only", {"tokens.bind.Audience._covers": lambda *_: True}
)
TYPE = defence("the token is of the type that was asked for", {"protocol.token._same_type": lambda *_: True})
_SPEC = "RFC 9700 §4.9.1"


def _auth(world: World, resource: str) -> VacuumAuth:
    return VacuumAuth(stored_tokens(world.store, resource, resource=resource))


def _call(world: World, url: str, auth: httpx2.Auth) -> None:
    def call() -> None:
        with httpx2.Client(auth=auth, trust_env=False, timeout=5) as client:
            client.post(url, json={})

    world.attempt(call)


@attacks(
    "a request at the same origin leaves the resource: {}",
    {
        "another path": "/admin",
        "a sibling that begins alike": "/mcp-admin",
        "its parent": "/",
        "dots": "/mcp/../admin",
        "escaped dots": "/mcp/%2e%2e/admin",
        "half escaped dots": "/mcp/.%2E/admin",
        "dots with a parameter": "/mcp/..;/admin",
        "an escaped slash": "/mcp/..%2fadmin",
        "a backslash": "/mcp/..%5cadmin",
        "another case": "/MCP/x",
    },
    source="RFC 9700 §4.9.1, RFC 8707 §2, MCP authorization, Token Handling",
    defence=AUDIENCE,
    sees=Sees(WrongAudience, _SPEC),
)
def test_paths(world: World, path: str) -> Loot:
    """Somebody else's server may be behind it: many live at one origin."""
    evil = world.hostile()
    world.log_in(evil.url)
    _call(world, f"{evil.origin}{path}", _auth(world, evil.url))
    return [f"the token at {got.path}" for got in evil.got if TOKEN in got.header("authorization")]


@attacks(
    "one client object calls another host: {}",
    {
        "another port": "{thief}/mcp",
        "the server's name as a user": "http://127.0.0.1:1@127.0.0.1:{port}/mcp",
        "the server's name as a password": "http://x:127.0.0.1@127.0.0.1:{port}/mcp",
        "localhost for 127.0.0.1": "http://localhost:{port}/mcp",
    },
    source="RFC 9700 §4.9.1, huggingface/chat-ui#2250",
    defence=AUDIENCE,
    sees=Sees(WrongAudience, _SPEC),
)
def test_hosts(world: World, url: str) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    world.log_in(evil.url)
    _call(world, url.format(thief=thief.origin, port=thief.port), _auth(world, evil.url))
    return thief.saw("the token", TOKEN)


@attack(
    "one client object calls another host while it logs in by itself",
    source="RFC 9700 §4.9.1",
    defence=AUDIENCE,
    sees=Sees(WrongAudience, _SPEC),
)
def test_interactive(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    auth = VacuumAuth(InteractiveSource(evil.url, store=world.store, ways=visited_by(world.user)))
    _call(world, evil.url, auth)
    _call(world, thief.url, auth)
    return thief.saw("the token", TOKEN)


@attack(
    "the async face calls another host",
    source="RFC 9700 §4.9.1",
    defence=AUDIENCE,
    sees=Sees(WrongAudience, _SPEC),
)
def test_async(world: World) -> Loot:
    evil, thief = world.hostile(), world.hostile()
    world.log_in(evil.url)

    async def call() -> None:
        async with httpx2.AsyncClient(auth=_auth(world, evil.url), trust_env=False) as client:
            await client.post(thief.url, json={})

    world.attempt(lambda: asyncio.run(call()))
    return thief.saw("the token", TOKEN)


@attack(
    "a redirect within the origin leaves the resource",
    source="RFC 9700 §4.9.1, MCP authorization, Token Handling",
    defence=in_the_test(
        "a token goes under its own resource only, redirects included",
        "`integrations/httpx2.py: _Guard`",
        lambda patch: patch.setattr("mcp_vacuum.integrations.httpx2._Guard._judge", lambda *_: None),
    ),
    sees=Sees(WrongAudience, _SPEC),
)
def test_redirect(world: World) -> Loot:
    """An open redirector below the resource; the HTTP client follows, and keeps `Authorization`."""
    evil = world.hostile()
    world.log_in(evil.url)
    evil.answers["/mcp"] = Reply.to("/admin", 307)

    def call() -> None:
        with httpx2.Client(auth=_auth(world, evil.url), trust_env=False, follow_redirects=True) as client:
            client.post(evil.url, json={})

    world.attempt(call)
    return [f"the token at {got.path}" for got in evil.to("/admin") if TOKEN in got.header("authorization")]


@attack(
    "a redirect within the origin leaves the resource, async",
    source="RFC 9700 §4.9.1, MCP authorization, Token Handling",
    defence=in_the_test(
        "a token goes under its own resource only, redirects included",
        "`integrations/httpx2.py: _Guard`",
        lambda patch: patch.setattr("mcp_vacuum.integrations.httpx2._Guard._judge", lambda *_: None),
    ),
    sees=Sees(WrongAudience, _SPEC),
)
def test_redirect_async(world: World) -> Loot:
    """The MCP SDK's own HTTP client follows redirects."""
    evil = world.hostile()
    world.log_in(evil.url)
    evil.answers["/mcp"] = Reply.to("/admin", 307)

    async def call() -> None:
        auth = _auth(world, evil.url)
        async with httpx2.AsyncClient(auth=auth, trust_env=False, follow_redirects=True) as client:
            await client.post(evil.url, json={})

    world.attempt(lambda: asyncio.run(call()))
    return [f"the token at {got.path}" for got in evil.to("/admin") if TOKEN in got.header("authorization")]


@attacks(
    "token_type is {}",
    {"MAC": "MAC", "N_A": "N_A", "DPoP without a key": "DPoP", "empty": "", "Bearer and more": "Bearer, MAC"},
    source="RFC 6749 §7.1, RFC 8693 §2.2.1, RFC 9449 §5",
    defence=TYPE,
    sees=Sees(AuthenticationError, "RFC 6749 §5.1", "of type"),
)
def test_type(world: World, token_type: str) -> Loot:
    evil = world.hostile(granted={"token_type": token_type})
    return [f"a token of type {token_type!r} used as a bearer token"] if world.log_in(evil.url) else []


@attack(
    "a bearer token where a bound one was asked for",
    source="RFC 9449 §5, §11 (downgrade)",
    defence=TYPE,
    sees=Sees(AuthenticationError, says="not DPoP"),
)
def test_downgrade(world: World) -> Loot:
    evil = world.hostile(metadata={"dpop_signing_alg_values_supported": ["ES256"]})
    return ["a token that anybody may use"] if world.log_in(evil.url, dpop=True) else []


@attack(
    "a refresh downgrades a bound token",
    source="RFC 9449 §5, §11",
    defence=TYPE,
    sees=Sees(AuthenticationError, says="not DPoP"),
)
def test_downgrade_on_refresh(world: World) -> Loot:
    evil = world.hostile(
        metadata={"dpop_signing_alg_values_supported": ["ES256"]}, granted={"token_type": "DPoP"}
    )
    world.log_in(evil.url, dpop=True)
    ACCESS_TOKENS._held.clear()
    evil.granted["token_type"] = "Bearer"
    held = world.attempt(lambda: stored_tokens(world.store, evil.url, resource=evil.url).obtain())
    return ["a token that anybody may use"] if held else []


@attacks(
    "dpop_signing_alg_values_supported is {}",
    {"none": ["none"], "symmetric": ["HS256"], "unknown": ["XX999"]},
    source="RFC 9449 §5.1, RFC 8725 §3.1",
    defence=defence(
        "a proof has an asymmetric algorithm of ours", {"protocol.dpop.choose_algorithm": lambda _: "ES256"}
    ),
    sees=Sees(VacuumError),
)
def test_algorithms(world: World, algorithms: list[str]) -> Loot:
    evil = world.hostile(
        metadata={"dpop_signing_alg_values_supported": algorithms}, granted={"token_type": "DPoP"}
    )
    return [f"a login with {algorithms}"] if world.log_in(evil.url, dpop=True) else []


@attack(
    "a refresh token is handed to another client object",
    source="OAuth 2.1 §4.3, RFC 6749 §6",
    defence=in_the_test(
        "a refresh token is bound to endpoint, client, issuer and resource",
        "`client.py: ClientSettings._refresh`",
        lambda patch: patch.setattr(Binding, "__ne__", lambda *_: False, raising=False),
    ),
    sees=Sees(AuthenticationError, "OAuth 2.1 §4.3"),
)
def test_client_object(world: World) -> Loot:
    evil = world.hostile()
    honest = Binding("https://as.honest.example/token", "c", "https://as.honest.example")
    token = OAuth2Token("", expires_in=1, refresh_token="rt-of-the-honest", binding=honest)
    client = OAuth2Client(
        "c", f"{evil.origin}/token", f"{evil.origin}/authorize", "http://127.0.0.1/callback"
    )
    world.attempt(lambda: client.refresh(token))
    return evil.saw("the refresh token", "rt-of-the-honest")


@attack(
    "a stored refresh token is asked for by a client of another server",
    source="OAuth 2.1 §4.3, RFC 9700 §4.14",
    defence=defence(
        "a record is refreshed only as what it is bound to",
        {"tokens.renewal.Renewal._bound": lambda renewal, record: _rebound(renewal, record)},
    ),
    sees=Sees(SecurityRefused, "RFC 9700 §4.14"),
)
def test_stored(world: World) -> Loot:
    evil = world.hostile()
    world.patch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    storage = SecureTokenStorage()
    honest = Binding("https://as.honest.example/token", "c", "https://as.honest.example")
    storage.store_token(
        "work",
        OAuth2Token("", expires_in=1, refresh_token="rt-of-the-honest", binding=honest, created_at=0.0),
    )
    client = OAuth2Client(
        "c", f"{evil.origin}/token", f"{evil.origin}/authorize", "http://127.0.0.1/callback"
    )
    world.attempt(lambda: TokenManager(client, storage).get_valid_token("work"))
    return evil.saw("the refresh token", "rt-of-the-honest")


def _rebound(renewal: Any, record: Any) -> Any:
    """Careless: whoever asks gets it."""
    wanted = renewal.client_binding
    return replace(
        record,
        token_endpoint=wanted.token_endpoint,
        client=renewal.client or ClientCredentials(client_id="c"),
    )


@attack(
    "invalid_target, to have the token asked for without a resource",
    source="RFC 8707 §2, CL-RES-04",
    defence=in_the_test(
        "an error is final: nothing is asked for with less",
        "`protocol/flows.py: exchange`",
        lambda patch: patch.setattr("mcp_vacuum.protocol.flows._send_code", _trying_without),
    ),
    sees=Sees(AuthenticationError, "RFC 8707", "invalid_target"),
)
def test_without_resource(world: World) -> Loot:
    """A token without an audience is good everywhere."""
    evil = world.hostile()
    evil.answers["/token"] = _only_without_resource
    world.log_in(evil.url)
    return ["a request without resource" for got in evil.to("/token") if "resource" not in got.form]


def _only_without_resource(got: Got) -> Reply:
    if "resource" in got.form:
        return Reply.document('{"error": "invalid_target"}', 400)
    return Reply.document(json.dumps({"access_token": "x", "token_type": "Bearer"}))


def _trying_without(request: Any, client: object, prover: object) -> Any:
    from urllib.parse import parse_qsl, urlencode

    from mcp_vacuum.protocol.effects import send

    response = yield from send(request)
    if response.status == 400:
        fewer = [(name, value) for name, value in parse_qsl(request.body.decode()) if name != "resource"]
        response = yield from send(replace(request, body=urlencode(fewer).encode()))
    return response


@attack(
    "a bearer token is put into a URL by the server's own redirect",
    source="RFC 6750 §2.3, RFC 9700 §4.3.2",
    defence=in_the_test(
        "a token is sent in a header and nowhere else",
        "`tokens/source.py: LoginTokens._headers`",
        lambda patch: patch.setattr("tests.attacks.test_tokens._auth", lambda *_: _InTheQuery()),
    ),
    sees=NOTHING,
)
def test_in_a_url(world: World) -> Loot:
    evil = world.hostile()
    world.log_in(evil.url)
    _call(world, evil.url, _auth(world, evil.url))
    return [
        f"the token in the query of {got.path}"
        for got in evil.got
        if any(TOKEN in str(v) for v in got.query.values())
    ]


class _InTheQuery(httpx2.Auth):
    """Careless: as RFC 6750 §2.3 once allowed."""

    def auth_flow(self, request: httpx2.Request) -> Any:
        request.url = request.url.copy_add_param("access_token", TOKEN)
        yield request


@attack(
    "discovery is repeated with a token at hand",
    source="CL-DISC-09, RFC 9700 §4.9.1",
    defence=in_the_test(
        "discovery carries no credentials",
        "`drivers/transport.py: _headers`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.transport._headers", _generous),
    ),
    sees=NOTHING,
)
def test_discovery(world: World) -> Loot:
    evil = world.hostile()
    world.log_in(evil.url)
    evil.got.clear()
    world.log_in(evil.url, force=True)
    documents = [got for got in evil.got if "well-known" in got.path or got.path == "/register"]
    return [
        f"{name} at {got.path}"
        for got in documents
        for name, _ in got.headers
        if name.lower() in ("authorization", "cookie", "dpop")
    ]


def _generous(request: Any) -> list[tuple[str, str]]:
    from mcp_vacuum.safety.url import origin

    authority = origin(request.url).partition("://")[2]
    length = [("Content-Length", str(len(request.body)))] if request.body else []
    return [("Host", authority), *request.headers, *length, ("Authorization", f"Bearer {TOKEN}")]


@attacks(
    "a machine's token for {} is sent to a server",
    {
        "somebody else": {"aud": "https://sts.honest.example"},
        "several others": {"aud": ["https://a.example", "https://b.example"]},
        "yesterday": {"exp": 1},
        "next year": {"nbf": 2**33},
    },
    source="RFC 7523 §3, EXT-WIF, CL-EXT-01",
    defence=defence(
        "an assertion is looked at before it is sent",
        {"protocol.assertion.check_assertion": lambda *_, **__: None},
    ),
    sees=Sees(AuthenticationError, "RFC 7523 §3"),
)
def test_assertion(world: World, claims: dict[str, Any]) -> Loot:
    """With it the server could log in as this machine wherever the token is good."""
    from base64 import urlsafe_b64encode

    from mcp_vacuum.machine import GrantOptions, grant_blocking

    evil = world.hostile(metadata={"grant_types_supported": ["urn:ietf:params:oauth:grant-type:jwt-bearer"]})
    told = urlsafe_b64encode(json.dumps({"sub": "this-machine", **claims}).encode()).decode().rstrip("=")
    world.patch.setenv("WORKLOAD_TOKEN", f"e30.{told}.signature")
    options = GrantOptions(
        grant="jwt_bearer", client=ClientCredentials(client_id="c"), token_from="env:WORKLOAD_TOKEN"
    )
    world.attempt(lambda: grant_blocking(evil.url, options, store=world.store))
    return evil.saw("the machine's token", told)


@attack(
    "a machine grant is refused, to have another one tried",
    source="CL-EXT-01, conformance wif-grant-fallback",
    defence=defence(
        "a machine asks once",
        {"tokens.machine.machine_flow": lambda record, prover: _falling_back(record, prover)},
    ),
    sees=Sees(AuthenticationError, says="unauthorized_client"),
)
def test_fallback(world: World) -> Loot:
    from mcp_vacuum.machine import GrantOptions, grant_blocking
    from mcp_vacuum.safety.secret import Secret

    evil = world.hostile(metadata={"grant_types_supported": ["client_credentials"]})
    evil.answers["/token"] = Reply.document('{"error": "unauthorized_client"}', 400)
    client = ClientCredentials(
        client_id="c", client_secret=Secret("machine-secret"), token_endpoint_auth_method="client_secret_post"
    )
    options = GrantOptions(grant="client_credentials", client=client)
    world.attempt(lambda: grant_blocking(evil.url, options, store=world.store))
    return [f"{len(evil.to('/token'))} requests with the secret"] if len(evil.to("/token")) > 1 else []


def _falling_back(record: Any, prover: Any) -> Any:
    """Careless: once more, with less."""
    from mcp_vacuum.protocol import grants

    for scope in (record.scope_asked, None):
        try:
            return (
                yield from grants.client_credentials(
                    record.binding, record.client, scope=scope, prover=prover
                )
            )
        except AuthenticationError as error:
            last = error
    raise last
