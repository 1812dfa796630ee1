"""PKCE: it is stripped, downgraded, or made useless."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from mcp_vacuum.errors import AuthenticationError, SecurityRefused, ServerUnavailable
from tests.attacks.hostile import METADATA, STOLEN, Got, Reply
from tests.attacks.kit import Loot, Sees, attack, attacks, defence
from tests.attacks.world import World

ADVERTISED = defence(
    "a server has to say that it checks S256", {"protocol.discovery._check_pkce": lambda *_: None}
)
OUR_PARAMETERS = defence(
    "an endpoint cannot bring parameters of ours",
    {"safety.url.authorization_url": lambda endpoint, ours: _appended(endpoint, ours)},
)
FRESH = defence(
    "a verifier is new and random each time",
    {"protocol.pkce.PKCEChallenge.generate_challenge": staticmethod(lambda: ("c" * 43, "v" * 43))},
)


def _appended(endpoint: str, ours: object) -> str:
    from urllib.parse import urlencode

    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(list(ours))}"  # type: ignore[call-overload]


@attacks(
    "code_challenge_methods_supported is {}",
    {
        "missing": None,
        "plain alone": ["plain"],
        "empty": [],
        "S256 in lower case": ["s256"],
        "a long word": "S256plain",
    },
    source="MCP authorization, Authorization Code Protection; RFC 9700 §2.1.1, §4.8",
    defence=ADVERTISED,
    sees=Sees(SecurityRefused, "Authorization Code Protection"),
)
def test_not_advertised(world: World, methods: object) -> Loot:
    evil = world.hostile()
    evil.metadata["code_challenge_methods_supported"] = methods
    world.log_in(evil.url)
    return evil.forms("/token", "code")


@attack(
    "null in place of the methods",
    source="MCP authorization, Authorization Code Protection",
    defence=ADVERTISED,
    sees=Sees(SecurityRefused, "Authorization Code Protection"),
)
def test_null(world: World) -> Loot:
    evil = world.hostile()
    document = json.dumps({**evil.document, "code_challenge_methods_supported": None})
    evil.answers[f"{METADATA}*"] = Reply.document(document)
    world.log_in(evil.url)
    return evil.forms("/token", "code")


@attack(
    "the OpenID form of the metadata leaves PKCE out",
    source="MCP authorization, Authorization Code Protection (OpenID providers)",
    defence=ADVERTISED,
    sees=Sees(SecurityRefused, "Authorization Code Protection"),
)
def test_openid_form(world: World) -> Loot:
    evil = world.hostile(metadata={"code_challenge_methods_supported": None})
    evil.answers[f"{METADATA}*"] = Reply(404)
    world.log_in(evil.url)
    return evil.forms("/token", "code")


@attacks(
    "authorization_endpoint brings its own {}",
    {
        "code_challenge_method": "code_challenge_method=plain",
        "code_challenge": "code_challenge=" + "c" * 43,
        "state": "state=known",
        "redirect_uri": "redirect_uri=https://attacker.example/",
        "client_id": "client_id=somebody",
        "response_type": "response_type=token",
    },
    source="OAuth 2.1 §3.1, RFC 7636 §7.2",
    defence=OUR_PARAMETERS,
    sees=Sees(SecurityRefused, "OAuth 2.1 §3.1", "repeats a parameter"),
)
def test_parameters(world: World, query: str) -> Loot:
    """Two values of one parameter: which one counts is the server's choice, or its proxy's."""
    evil = world.hostile()
    evil.metadata["authorization_endpoint"] = f"{evil.origin}/authorize?{query}"
    world.log_in(evil.url, timeout=0.5)
    return [
        f"a visit with {query}" for got in evil.to("/authorize") if len(got.query[query.split("=")[0]]) > 1
    ]


@attack(
    "a code that was stolen elsewhere is put into the victim's answer",
    source="RFC 9700 §4.5, RFC 7636 §1",
    defence=FRESH,
    sees=Sees(AuthenticationError, says="invalid_grant"),
)
def test_injected_code(world: World) -> Loot:
    """The honest server redeems a code only with the verifier that its challenge was made of."""
    from mcp_vacuum.models import ClientCredentials
    from mcp_vacuum.protocol.authorization import authorization_request
    from mcp_vacuum.protocol.pkce import PKCEChallenge
    from mcp_vacuum.safety.secret import Secret

    lab = world.lab(any_loopback_port=True)
    uri = "http://127.0.0.1:18744/callback"
    lab.add_client("public", redirect_uris=(uri,))
    _, verifier = PKCEChallenge.generate_challenge()
    mine = authorization_request(
        f"{lab.issuer}/authorize",
        client_id="public",
        redirect_uri=uri,
        state=Secret("attacker"),
        verifier=Secret(verifier),
        resource=lab.resource,
    )
    stolen = world.agreed(mine.url).partition("code=")[2].partition("&")[0]
    lab.faults.callback_override = {"code": (stolen,)}
    client = ClientCredentials(client_id="public", redirect_uris=(uri,))
    done = world.log_in(lab.mcp_url, client=client)
    return ["the victim's login runs on the attacker's grant"] if done else []


@attack(
    "a second attempt repeats the challenge of the first",
    source="OAuth 2.1 §7.5.2",
    defence=FRESH,
    sees=Sees(AuthenticationError, says="gave status 404"),
)
def test_repeated(world: World) -> Loot:
    evil = world.hostile()
    evil.answers["/token"] = Reply(404)
    for _ in range(2):
        world.log_in(evil.url)
    challenges = [got.query["code_challenge"][0] for got in evil.to("/authorize")]
    return ["one challenge twice"] if len(set(challenges)) < len(challenges) else []


@attack(
    "the token endpoint asks for the code a second time",
    source="RFC 6749 §4.1.2, RFC 9700 §4.5",
    defence=defence(
        "a code is sent once",
        {"protocol.flows._send_code": lambda request, client, prover: _insisting(request)},
    ),
    sees=Sees(ServerUnavailable, says="status 500"),
)
def test_code_twice(world: World) -> Loot:
    """It stalls or breaks the first answer: whoever listens behind it may have the code by now."""
    evil = world.hostile()

    def broken(got: Got) -> Reply:
        return Reply(400 if evil.to("/token")[1:] else 500, b"{}")

    evil.answers["/token"] = broken
    world.log_in(evil.url)
    return evil.saw("the code again", STOLEN)[1:]


def _insisting(request: Any) -> Generator[Any, Any, Any]:
    from mcp_vacuum.protocol.effects import send

    yield from send(request)
    return (yield from send(request))
