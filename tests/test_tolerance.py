"""Oddities of real servers that break no rule: a whole login, a call and a refresh work all the same.

Parsers are tried one by one in tests/protocol (challenge, documents, token, registration), named deviations
in test_quirks, and whole foreign servers in tests/interop.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mcp_vacuum.errors import DiscoveryError, LoginDeclined, ServerUnavailable
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.login import LoginResult
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import METADATA, PRM, Got, Hostile, Reply
from tests.attacks.world import World

PAGE = Reply(200, "<!doctype html><title>an app</title>", (("Content-Type", "text/html"),))
OPENID = "/.well-known/openid-configuration"
Odd = Callable[[Hostile], None]


def _challenges(*lines: str) -> Odd:
    def odd(server: Hostile) -> None:
        def answer(got: Got) -> Reply:
            if got.header("authorization"):
                return Reply.document("{}")
            filled = (line.format(prm=f"{server.origin}{PRM}/mcp") for line in lines)
            return Reply(401, b"", tuple(("WWW-Authenticate", line) for line in filled))

        server.answers["/mcp"] = answer

    return odd


def _typed(kind: str | None, before: str = "") -> Odd:
    """Every document with another content type."""

    def odd(server: Hostile) -> None:
        headers = (("Content-Type", kind),) if kind else ()

        def plain(got: Got) -> Reply:
            handlers: dict[str, Any] = {"/register": server._register, "/token": server._grant}
            document = server.resource_document if got.path.startswith(PRM) else server.document
            reply = handlers[got.path](got) if got.path in handlers else Reply(200, json.dumps(document))
            return Reply(reply.status, before.encode() + _bytes(reply.body), headers)

        server.answers |= dict.fromkeys((f"{PRM}*", f"{METADATA}*", "/register", "/token"), plain)

    return odd


def _bytes(body: object) -> bytes:
    assert isinstance(body, (str, bytes))
    return body.encode() if isinstance(body, str) else body


def _members(**changed: Any) -> Odd:
    """Members of the server's attributes; `{origin}` is filled in."""

    def odd(server: Hostile) -> None:
        for name, members in changed.items():
            getattr(server, name).update(_filled(members, server.origin))

    return odd


def _filled(value: Any, origin: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, origin) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, origin) for each in value]
    return value.replace("{origin}", origin) if isinstance(value, str) else value


def _answers(**answers: Reply) -> Odd:
    names = {"path_prm": f"{PRM}/mcp", "metadata": f"{METADATA}*"}

    def odd(server: Hostile) -> None:
        for name, reply in answers.items():
            server.answers[names.get(name, f"/{name}")] = reply

    return odd


def _root_document_behind_a_page(server: Hostile) -> None:
    server.challenge = "Bearer"
    server.answers[f"{PRM}/mcp"] = PAGE
    server.resource_metadata["resource"] = server.origin


def _with_nulls(server: Hostile) -> None:
    def noisy(document: dict[str, object]) -> Reply:
        nothing = dict.fromkeys(("jwks_uri", "service_documentation", "scopes_supported", "x"))
        return Reply.document(json.dumps({**document, **nothing, "vendor": {"deep": [None, {"y": None}]}}))

    server.answers[f"{PRM}*"] = lambda _: noisy(server.resource_document)
    server.answers[f"{METADATA}*"] = lambda _: noisy(server.document)
    server.answers["/register"] = lambda got: Reply.document(
        json.dumps({**got.json, "client_id": "c", "client_secret": None, "client_secret_expires_at": None}),
        201,
    )
    server.answers["/token"] = lambda got: Reply.document(
        json.dumps(
            {**json.loads(_bytes(server._grant(got).body)), "scope": None, "id_token": None, "error": None}
        )
    )


def _moved_within(server: Hostile) -> None:
    server.answers["/.well-known/oauth-authorization-server"] = Reply.to("/elsewhere/metadata", 301)
    server.answers["/elsewhere/metadata"] = lambda _: Reply.document(json.dumps(server.document))


def _later(server: Hostile) -> None:
    """429 once, as a burst limit does."""

    def once(got: Got) -> Reply:
        return (
            Reply(429, b"slow down", (("Retry-After", "0"),))
            if len(server.to("/token")) == 1
            else server._grant(got)
        )

    server.answers["/token"] = once


ODDITIES: dict[str, Odd] = {
    "nothing odd": lambda server: None,
    "several challenges on one line": _challenges(
        'Basic realm="a, b", Bearer resource_metadata="{prm}", DPoP algs="ES256"'
    ),
    "several challenge lines": _challenges(
        "Negotiate YII=", 'Digest nonce="x", qop="auth"', 'bearer Resource_Metadata="{prm}"'
    ),
    "a bare challenge": _challenges("Bearer"),
    "a challenge with an error for a request without a token": _challenges(
        'Bearer error="invalid_token", resource_metadata="{prm}"'
    ),
    "an index page at the path URL, the document at the root": _root_document_behind_a_page,
    "an index page at the OAuth URL, the document at the OpenID URL": _answers(metadata=PAGE),
    "nulls and unknown members everywhere": _with_nulls,
    "expires_in as a string": _members(granted={"expires_in": "3600"}),
    "expires_in with a fraction": _members(granted={"expires_in": 3599.9}),
    "expires_in left out": _members(granted={"expires_in": None}),
    "expires_in of zero": _members(granted={"expires_in": 0}),
    "scope as a list": _members(granted={"scope": ["a", "b"]}),
    "token_type in lower case": _members(granted={"token_type": "bearer"}),
    "token_type in upper case": _members(granted={"token_type": "BEARER"}),
    "a registration with status 200": lambda server: server.answers.update(
        {"/register": lambda got: Reply.document(json.dumps({**got.json, "client_id": "c"}), 200)}
    ),
    "a registration that repeats nothing": _answers(register=Reply.document('{"client_id": "c"}', 201)),
    "a registration with more redirect URIs": lambda server: server.answers.update(
        {
            "/register": lambda got: Reply.document(
                json.dumps(
                    {"client_id": "c", "redirect_uris": ["https://x.example/", *got.json["redirect_uris"]]}
                ),
                201,
            )
        }
    ),
    "documents as text/plain": _typed("text/plain"),
    "documents without a type": _typed(None),
    "documents with a byte order mark": _typed("application/json; charset=utf-8", "\ufeff"),
    "an issuer with a slash in its own metadata alone": _members(metadata={"issuer": "{origin}/"}),
    "an issuer with a slash in the resource's metadata alone": _members(
        resource_metadata={"authorization_servers": ["{origin}/"]}
    ),
    "iss as the metadata writes it": _members(
        metadata={"issuer": "{origin}/"}, callback={"iss": ["{origin}/"]}
    ),
    "authorization_servers as a string": _members(resource_metadata={"authorization_servers": "{origin}"}),
    "metadata that moved within its origin": _moved_within,
    "an authorization endpoint with a query of its own": _members(
        metadata={"authorization_endpoint": "{origin}/authorize?tenant=a%20b&empty="}
    ),
    "more parameters in the answer": _members(callback={"session_state": ["x"], "scope": ["a b"]}),
    "429 with Retry-After at the token endpoint": _later,
    "a refresh token that does not rotate": _members(granted={"refresh_token": "always-the-same"}),
}


def _works(world: World, server: Hostile, result: LoginResult | None) -> None:
    assert world.error is None, repr(world.error)
    assert result is not None
    assert result.outcome == "new"
    tokens = stored_tokens(world.store, server.url, resource=server.url)
    with httpx2.Client(auth=VacuumAuth(tokens), trust_env=False) as client:
        assert client.post(server.url, json={}).status_code == 200
    ACCESS_TOKENS._held.clear()
    assert tokens.obtain().token.access_token


@pytest.mark.parametrize("odd", ODDITIES.values(), ids=ODDITIES)
def test_it_works(odd: Odd) -> None:
    with World() as world:
        server = world.hostile()
        odd(server)
        _works(world, server, world.log_in(server.url))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("secret", ["p:a+s/s=w%o r&d~", "%41%zz", "=?#&;", "a" * 400])
def test_a_secret_with_any_characters(secret: str, method: str) -> None:
    """RFC 6749 §2.3.1: form-encoded before it goes into the header."""
    with World() as world:
        lab = world.lab(token_endpoint_auth_methods=(method,))
        uri = "http://127.0.0.1:18747/callback"
        lab.add_client("c:d", client_secret=secret, auth_method=method, redirect_uris=(uri,))
        client = ClientCredentials(client_id="c:d", client_secret=Secret(secret), redirect_uris=(uri,))
        result = world.log_in(lab.mcp_url, client=client)
        assert result is not None, repr(world.error)
        ACCESS_TOKENS._held.clear()
        assert stored_tokens(world.store, lab.mcp_url, resource=lab.resource).obtain().token.access_token


class TestWithoutAnAuthorizationEndpoint:
    """RFC 8414 §2: it may be left out where no grant uses it."""

    def test_a_device_login_needs_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mcp_vacuum.protocol.device.SHORTEST_INTERVAL", 0)
        with World() as world:
            server = world.hostile(metadata={"authorization_endpoint": None})
            assert world.log_in(server.url, device=True, timeout=5) is not None, repr(world.error)

    def test_a_browser_login_says_so(self) -> None:
        with World() as world:
            server = world.hostile(metadata={"authorization_endpoint": None})
            world.log_in(server.url)
            assert isinstance(world.error, DiscoveryError)
            assert "has no authorization_endpoint" in world.error.message
            assert "--device" in (world.error.hint or "")


class TestLater:
    """A server that is busy loses nothing, and says when."""

    @pytest.mark.parametrize("path", ["/register", "/mcp", f"{PRM}*", f"{METADATA}*"])
    def test_429_names_the_wait_or_to_try_later(self, path: str) -> None:
        with World() as world:
            server = world.hostile(answers={path: Reply(429, b"", (("Retry-After", "17"),))})
            world.log_in(server.url)
            assert isinstance(world.error, ServerUnavailable)
            assert "try again" in (world.error.hint or "")

    def test_nobody_is_declined_for_it(self) -> None:
        with World() as world:
            server = world.hostile(answers={f"{OPENID}*": Reply(503), f"{METADATA}*": Reply(503)})
            world.log_in(server.url)
            assert not isinstance(world.error, LoginDeclined)
            assert isinstance(world.error, ServerUnavailable)
