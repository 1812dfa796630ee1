"""Dynamic client registration (RFC 7591) and its management (RFC 7592, reading and deleting)."""

from __future__ import annotations

import secrets
import time

from mcp_vacuum.lab.assertions import METHOD, keys_of
from mcp_vacuum.lab.clients import Client, acceptable_redirect_uri
from mcp_vacuum.lab.faults import overridden
from mcp_vacuum.lab.messages import (
    Refusal,
    Request,
    Response,
    json_response,
    not_here,
    refused,
    text_response,
)
from mcp_vacuum.lab.world import World, interrupted

CHANGED_REDIRECT = "http://127.0.0.1:9/changed-by-the-server"
"""What `registration_changes_redirect` registers."""


class Registration:
    """/register, and /register/CLIENT_ID for those who hold the registration access token."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, request: Request) -> Response:
        """POST: 201 with the client as registered, which may differ from what was asked (RFC 7591 §3.2.1)."""
        faults = self._world.faults
        broken = interrupted(faults.registration_status, faults.registration_html, None)
        if broken:
            return broken
        if faults.registration_error:
            return refused(Refusal(faults.registration_error, "a fault of the lab"), faults.hostile_text)
        try:
            client = self._world.clients.add(self._client(request.json))
        except Refusal as refusal:
            return refused(refusal, faults.hostile_text)
        return json_response(overridden(self._answer(client), faults.registration_override), 201)

    def manage(self, request: Request) -> Response:
        """GET and DELETE of one registration (RFC 7592 §2.1, §2.3)."""
        client = self._world.clients.find(request.path.rpartition("/")[2])
        token = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        expected = client.registration_token if client else None
        if client is not None and self._world.faults.registration_unguarded and request.method == "GET":
            return json_response(self._answer(client))
        if client is None or expected is None or not secrets.compare_digest(token, expected.encode()):
            return text_response(401, headers=(("WWW-Authenticate", "Bearer"),))
        if request.method == "DELETE":
            self._world.clients.forget(client.client_id)
            return Response(204)
        return json_response(self._answer(client)) if request.method == "GET" else not_here(("GET", "DELETE"))

    def _client(self, document: object) -> Client:
        if not isinstance(document, dict):
            raise Refusal("invalid_client_metadata", "a JSON object is wanted")
        method = self._auth_method(document.get("token_endpoint_auth_method", "client_secret_basic"))
        keys = keys_of(document.get("jwks"))
        if method == METHOD and not keys:
            raise Refusal("invalid_client_metadata", f"{METHOD} needs jwks with a P-256 or Ed25519 key")
        secret = None if method in ("none", METHOD) else "cs-" + secrets.token_urlsafe(24)
        lifetime = self._world.config.client_secret_lifetime
        return Client(
            client_id="client-" + secrets.token_hex(8),
            redirect_uris=self._redirect_uris(document.get("redirect_uris")),
            auth_method=method,
            secret=secret,
            secret_expires_at=time.time() + lifetime if secret and lifetime else 0,
            registration_token="rat-" + secrets.token_urlsafe(24),
            name=str(document.get("client_name", "")),
            keys=keys,
        )

    def _redirect_uris(self, uris: object) -> tuple[str, ...]:
        anything = self._world.faults.registers_any_redirect
        good = isinstance(uris, list) and (anything or all(map(acceptable_redirect_uri, uris)))
        if not good or not uris:
            raise Refusal("invalid_redirect_uri", "https, http on loopback, or a private-use scheme")
        assert isinstance(uris, list)
        return (CHANGED_REDIRECT,) if self._world.faults.registration_changes_redirect else tuple(uris)

    def _auth_method(self, asked: object) -> str:
        supported = self._world.config.token_endpoint_auth_methods
        return asked if isinstance(asked, str) and asked in supported else supported[0]

    def _answer(self, client: Client) -> dict[str, object]:
        answer: dict[str, object] = {
            "client_id": client.client_id,
            "client_id_issued_at": int(time.time()),
            "client_name": self._world.faults.hostile_text or client.name,
            "redirect_uris": list(client.redirect_uris),
            "grant_types": ["authorization_code", "refresh_token", *self._world.config.grants],
            "response_types": ["code"],
            "token_endpoint_auth_method": client.auth_method,
            "registration_client_uri": f"{self._world.issuer}/register/{client.client_id}",
            "registration_access_token": client.registration_token,
        }
        if client.secret:
            answer["client_secret"] = client.secret
            answer["client_secret_expires_at"] = int(client.secret_expires_at)
        return answer
