"""Grants without a person: client credentials, JWT bearer (RFC 7523) and token exchange (RFC 8693)."""

from __future__ import annotations

import time

from mcp_vacuum.lab.clients import Client
from mcp_vacuum.lab.grants import Approval
from mcp_vacuum.lab.jose import Signed, key_of_pem
from mcp_vacuum.lab.messages import Refusal, Request, required
from mcp_vacuum.lab.world import World

CLIENT_CREDENTIALS = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Machines:
    """Who may have a token without asking a person."""

    def __init__(self, world: World) -> None:
        self._world = world

    def approval(self, grant_type: str, request: Request, client: Client) -> Approval:
        """What the grant is good for.

        Raises:
            Refusal: unauthorized_client, invalid_grant or invalid_request.
        """
        if grant_type == CLIENT_CREDENTIALS:
            return self._own(request, client)
        if grant_type == JWT_BEARER:
            self._check_assertion(required(request.form, "assertion"))
        else:
            self._check_exchange(request)
        return self._world.approval(request, client)

    def _own(self, request: Request, client: Client) -> Approval:
        if client.auth_method == "none":
            raise Refusal("unauthorized_client", "a public client cannot show who it is (OAuth 2.1 §4.2)")
        return self._world.approval(request, client)

    def _check_assertion(self, text: str) -> None:
        """RFC 7523 §3, with the one key that the lab was given."""
        pem, token = self._world.config.trusted_key, Signed.read(text)
        if token is None or pem is None or not token.is_by(key_of_pem(pem)):
            raise Refusal("invalid_grant", "not signed by the trusted key")
        audience, expires = token.claims.get("aud"), token.claims.get("exp")
        named = audience if isinstance(audience, list) else [audience]
        if not {self._world.issuer, f"{self._world.issuer}/token"} & set(map(str, named)):
            raise Refusal("invalid_grant", "the assertion is for another audience")
        if not isinstance(expires, int | float) or expires < time.time():
            raise Refusal("invalid_grant", "the assertion has expired")

    def _check_exchange(self, request: Request) -> None:
        """RFC 8693 §2.1: an access token of the lab itself, or a JWT of the trusted key."""
        kind, token = required(request.form, "subject_token_type"), required(request.form, "subject_token")
        if kind == ACCESS_TOKEN:
            if self._world.grants.access(token) is None:
                raise Refusal("invalid_request", "the subject token is unknown or expired")
        else:
            self._check_assertion(token)
