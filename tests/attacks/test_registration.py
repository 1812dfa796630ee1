"""Registrations: the server registers something else than was asked for."""

from __future__ import annotations

import json
from typing import Any

from mcp_vacuum.errors import RegistrationError
from mcp_vacuum.lab import User
from tests.attacks.hostile import Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence
from tests.attacks.world import World

AS_ASKED = defence(
    "a client listens where it asked to listen",
    {
        "protocol.registration._confirmed": lambda _response, document, asked: tuple(
            document.redirect_uris or asked
        )
    },
)
METHOD = defence(
    "a client authenticates as it asked to",
    {
        "protocol.registration._registered_method": lambda _response, document, _asked: (
            document.token_endpoint_auth_method
        )
    },
)
_SPEC = "RFC 7591 §3.2.1"


@attacks(
    "the registered redirect URI is {}",
    {
        "another host": ["https://attacker.example/callback"],
        "another port": ["http://127.0.0.1:1/callback"],
        "another path": ["http://127.0.0.1/elsewhere"],
        "none": [],
    },
    source="RFC 7591 §3.2.1, CL-REG-06",
    defence=AS_ASKED,
    sees=Sees(RegistrationError, _SPEC, "other redirect URIs"),
)
def test_redirect_uris(world: World, uris: list[str]) -> Loot:
    evil = world.hostile(registered={"redirect_uris": uris})
    done = world.log_in(evil.url)
    kept = world.store.registration(evil.origin)
    return [f"a login with {kept.redirect_uris if kept else uris}"] if done else []


@attack(
    "a redirect URI is put before ours, for the next login",
    source="RFC 7591 §3.2.1, OAuth 2.1 §2.3",
    defence=AS_ASKED,
    sees=NOTHING,
)
def test_one_more(world: World) -> Loot:
    """The next login would listen where the server says: on a port of its choice."""
    evil = world.hostile()

    def registered(got: Any) -> Reply:
        uris = ["http://127.0.0.1:18745/admin", *got.json["redirect_uris"]]
        return Reply.document(json.dumps({"client_id": "c", "redirect_uris": uris}), 201)

    evil.answers["/register"] = registered
    for force in (False, True):
        world.log_in(evil.url, force=force, keep_client=True)
    sent = [got.query["redirect_uri"][0] for got in evil.to("/authorize")]
    return [f"a login that waits at {uri}" for uri in sent if "18745" in uri]


@attacks(
    "the registered auth method is {}",
    {
        "a signature": "private_key_jwt",
        "a signature with the secret": "client_secret_jwt",
        "a certificate": "tls_client_auth",
        "a secret that is not given": "client_secret_basic",
        "unknown": "magic",
    },
    source="RFC 7591 §3.2.1, CL-REG-06, CL-AUTH-01",
    defence=METHOD,
    sees=Sees(RegistrationError, _SPEC),
)
def test_method(world: World, method: str) -> Loot:
    evil = world.hostile(registered={"token_endpoint_auth_method": method})
    world.log_in(evil.url)
    return [f"a login as {method}" for _ in evil.to("/authorize")]


@attacks(
    "the registration answers {}",
    {
        "an empty client_id": {"client_id": ""},
        "nothing": None,
        "an error with status 200": {"error": "invalid_client_metadata"},
    },
    source="RFC 7591 §3.2.1, §3.2.2",
    defence=defence(
        "a registration names a client",
        {"protocol.registration._accepted": lambda response: _whatever(response)},
    ),
    sees=Sees(RegistrationError, "RFC 7591"),
)
def test_no_client(world: World, document: object) -> Loot:
    world.user = User(timeout=2)
    evil = world.hostile(answers={"/register": Reply.document(json.dumps(document), 200)})
    world.log_in(evil.url, timeout=1)
    return ["a login without a client" for _ in evil.to("/authorize")]


def _whatever(_response: object) -> Any:
    from mcp_vacuum.protocol.documents import RegistrationResponse

    return RegistrationResponse(client_id="somebody")


@attack(
    "registration is refused again and again, to have it tried again and again",
    source="RFC 7591 §3.2.2, CL-REG-07, zereight/gitlab-mcp#630",
    defence=defence(
        "a refusal is final", {"protocol.registration._accepted": lambda response: _insisting(response)}
    ),
    sees=Sees(RegistrationError, "RFC 7591"),
)
def test_storm(world: World) -> Loot:
    evil = world.hostile(answers={"/register": Reply.document('{"error": "invalid_redirect_uri"}', 400)})
    world.log_in(evil.url)
    return [f"{len(evil.to('/register'))} requests"] if len(evil.to("/register")) > 3 else []


def _insisting(response: Any) -> Any:
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(response.url)
    for _ in range(4):
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        connection.request("POST", parts.path, b"{}", {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()
    raise RegistrationError("refused", spec="RFC 7591")


@attack(
    "a client secret for a public client is stored and sent ever after",
    source="RFC 7591 §3.2.1, CL-AUTH-01",
    defence=defence(
        "a secret that was not asked for is not kept",
        {"protocol.registration.performable": lambda _: "client_secret_post"},
    ),
    sees=NOTHING,
)
def test_unwanted_secret(world: World) -> Loot:
    evil = world.hostile(registered={"client_secret": "planted-secret", "token_endpoint_auth_method": "none"})
    world.log_in(evil.url)
    return evil.saw("the planted secret", "planted-secret")
