"""Loops: a server keeps the client busy, or the person."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx2

from mcp_vacuum.errors import AuthenticationError, LoginDeclined, ServerUnavailable
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.integrations.interactive import InteractiveSource
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import Got, Reply
from tests.attacks.kit import NOTHING, Defence, Loot, Sees, attack, attacks, defence
from tests.attacks.world import World
from tests.helpers import visited_by

ONE_REFRESH = defence(
    "a refusal is answered by one refresh",
    {
        "tokens.source.LoginTokens._worth_another_try": lambda *_: True,
        "integrations.httpx2.MOST_ATTEMPTS": 8,
    },
)
TWO_TABS: Defence = defence(
    "one call sends a person to the browser twice at most",
    {
        "integrations.interactive.MOST_AUTHORIZATIONS": 50,
        "integrations.httpx2.MOST_ATTEMPTS": 8,
        "integrations.interactive.InteractiveSource._check_patience": lambda *_: None,
    },
)


def _call(world: World, url: str, auth: httpx2.Auth) -> int | None:
    def call() -> int:
        with httpx2.Client(auth=auth, trust_env=False, timeout=10) as client:
            return client.post(url, json={}).status_code

    return world.attempt(call)


@attack(
    "401 for ever, whatever the token",
    source="MCP authorization, CL-SCOPE-04",
    defence=ONE_REFRESH,
    sees=NOTHING,
)
def test_401(world: World) -> Loot:
    evil = world.hostile()
    world.log_in(evil.url)
    evil.got.clear()
    evil.answers["/mcp"] = Reply(401, b"", (("WWW-Authenticate", 'Bearer error="invalid_token"'),))
    _call(world, evil.url, VacuumAuth(stored_tokens(world.store, evil.url, resource=evil.url)))
    return [f"{len(evil.to('/token'))} refreshes for one call"] if len(evil.to("/token")) > 1 else []


@attack(
    "401 for ever, with a person to ask",
    source="MCP authorization, CL-SCOPE-04, hermes-agent#96358",
    defence=TWO_TABS,
    sees=NOTHING,
)
def test_401_with_a_person(world: World) -> Loot:
    evil = world.hostile()
    evil.answers["/mcp"] = Reply(401, b"", (("WWW-Authenticate", 'Bearer error="invalid_token"'),))
    source = InteractiveSource(evil.url, store=world.store, ways=visited_by(world.user))
    _call(world, evil.url, VacuumAuth(source))
    visits = len(evil.to("/authorize"))
    return [f"{visits} tabs for one call"] if visits > 2 else []


@attacks(
    "403 for ever: {}",
    {
        "the same scope": itertools.repeat("admin"),
        "another scope each time": map("scope-{}".format, itertools.count()),
    },
    source="MCP authorization, Step-Up Authorization Flow; CL-SCOPE-04, typescript-sdk#1582",
    defence={
        "": TWO_TABS,
        "the same scope": TWO_TABS
        + defence(
            "a scope that was granted is not asked for again",
            {
                "integrations.interactive.InteractiveSource._step_up": lambda *a: _again(*a),
                "integrations.interactive._covers": lambda *_: False,
            },
        ),
    },
    sees=Sees(AuthenticationError, "Step-Up"),
)
def test_403(world: World, scopes: Any) -> Loot:
    evil = world.hostile()

    def more(got: Got) -> Reply:
        if not got.header("authorization"):
            return Reply(401, b"", (("WWW-Authenticate", "Bearer"),))
        challenge = f'Bearer error="insufficient_scope", scope="{next(scopes)}"'
        return Reply(403, b"", (("WWW-Authenticate", challenge),))

    evil.answers["/mcp"] = more
    source = InteractiveSource(evil.url, store=world.store, ways=visited_by(world.user))
    _call(world, evil.url, VacuumAuth(source))
    visits = len(evil.to("/authorize"))
    return [f"{visits} tabs for one call"] if visits > 2 else []


def _again(_source: object, asked: str | None, hints: Any, generation: int) -> Any:
    from mcp_vacuum.integrations.interactive import Wish
    from mcp_vacuum.protocol.discovery import Probe

    return Wish(Probe(401, "", hints), tuple((asked or "").split()), True, generation)


@attack(
    "a new DPoP nonce for ever",
    source="RFC 9449 §8, §9",
    defence=defence(
        "a nonce is asked for once", {"protocol.proof.send_to_token_endpoint": lambda *a: _obliging(*a)}
    ),
    sees=Sees(AuthenticationError, "RFC 9449 §8", "again and again"),
)
def test_nonces(world: World) -> Loot:
    evil = world.hostile(metadata={"dpop_signing_alg_values_supported": ["ES256"]})
    numbers = itertools.count()

    def nonce(_got: Got) -> Reply:
        body = json.dumps({"error": "use_dpop_nonce"})
        return Reply(400, body, (("Content-Type", "application/json"), ("DPoP-Nonce", f"n{next(numbers)}")))

    evil.answers["/token"] = nonce
    world.log_in(evil.url, dpop=True)
    return [f"{len(evil.to('/token'))} requests"] if len(evil.to("/token")) > 2 else []


def _obliging(request: Any, client: Any, prover: Any) -> Any:
    from mcp_vacuum.protocol import proof
    from mcp_vacuum.protocol.effects import send

    for _ in range(10):
        response = yield from send((yield from proof._sealed(request, client, prover)))
        if not proof._wants_nonce(response):
            break
        prover.note(request.url, response.header("dpop-nonce"))
    return response


@attacks(
    "the token endpoint asks for a wait of {}",
    {
        "a year": "31536000",
        "more than any clock": "99999999999999999999",
        "less than nothing": "-5",
        "a word": "soon",
    },
    source="RFC 9110 §10.2.3, RFC 6585 §4",
    defence=defence(
        "a wait is bounded",
        {
            "protocol.flows._CODE_PATIENCE": 1e30,
            "protocol.token._seconds": lambda text: (
                abs(float(text)) if text and text.strip("-").isdecimal() else 1e9
            ),
        },
    ),
    sees=Sees(ServerUnavailable, says="status 429"),
)
def test_retry_after(world: World, wait: str) -> Loot:
    waited: list[float] = []
    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", waited.append)
    evil = world.hostile(answers={"/token": Reply(429, b"", (("Retry-After", wait),))})
    world.log_in(evil.url)
    limit = 4 if wait == "-5" else 20
    return [f"a pause of {seconds:.0f} s" for seconds in waited if seconds > limit]


@attack(
    "a device login asks for a pause of a year between two polls",
    source="RFC 8628 §3.2, §3.5",
    defence=defence(
        "the person's patience bounds the polling", {"protocol.device._poll": lambda *a: _patient(*a)}
    ),
    sees=Sees(LoginDeclined, "RFC 8628 §3.5"),
)
def test_interval(world: World) -> Loot:
    waited: list[float] = []
    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", waited.append)
    evil = world.hostile(granted={"interval": 31536000, "expires_in": 2**40})
    world.log_in(evil.url, device=True)
    return [f"a pause of {seconds:.0f} s" for seconds in waited if seconds > 1000]


def _patient(document: Any, *_: object) -> Any:
    from mcp_vacuum.protocol.effects import pause

    yield from pause(float(document.interval))
    raise LoginDeclined("at last", spec="RFC 8628 §3.5")


@attack(
    "a refresh answers 503 for ever",
    source="RFC 9110 §15.6.4",
    defence=defence("a refresh has ten seconds", {"tokens.renewal.PATIENCE": 200.0}),
    sees=Sees(ServerUnavailable, says="status 503"),
)
def test_503(world: World) -> Loot:
    clock = [1000.0]
    evil = world.hostile()
    world.log_in(evil.url)
    evil.got.clear()
    evil.answers["/token"] = Reply(503)
    ACCESS_TOKENS._held.clear()

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", sleep)
    world.patch.setattr("mcp_vacuum.tokens.renewal.time.monotonic", lambda: clock[0])
    world.attempt(lambda: stored_tokens(world.store, evil.url, resource=evil.url).obtain())
    return [f"{len(evil.to('/token'))} requests"] if len(evil.to("/token")) > 12 else []
