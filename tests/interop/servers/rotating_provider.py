"""A strict authorization server for the MCP SDK: rotation, reuse detection, families, an optional grace.

The SDK brings the endpoints and checks client, PKCE and redirect URI; what a
token is and when it dies is decided here (OAuth 2.1 section 4.3.1, RFC 9700 4.14).
"""

import secrets
import time

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from .ledger import Ledger

CODE_LIFETIME = 60
REFRESH_TOKEN_LIFETIME = 24 * 60 * 60


class RotatingProvider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Everything in memory; every refresh token works once and belongs to a family."""

    def __init__(self, base: str, ledger: Ledger) -> None:
        self._base = base
        self._ledger = ledger
        self._clients: dict[str, OAuthClientInformationFull] = {}
        self._waiting: dict[str, tuple[str, AuthorizationParams]] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}
        self._spent: dict[str, tuple[RefreshToken, float]] = {}
        self._family: dict[str, str] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self._clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self._clients[str(client_info.client_id)] = client_info

    # The person: /login asks, then one of these two.

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        visit = secrets.token_urlsafe(16)
        self._waiting[visit] = (str(client.client_id), params)
        return f"{self._base}/login?visit={visit}"

    def allow(self, visit: str, person: str) -> str:
        """The person said yes: the redirect that carries the code."""
        client_id, asked = self._waiting.pop(visit)
        code = AuthorizationCode(
            code="code_" + secrets.token_urlsafe(24),
            client_id=client_id,
            subject=person,
            scopes=asked.scopes or ["mcp:tools"],
            resource=asked.resource,
            code_challenge=asked.code_challenge,
            redirect_uri=asked.redirect_uri,
            redirect_uri_provided_explicitly=asked.redirect_uri_provided_explicitly,
            expires_at=time.time() + CODE_LIFETIME,
        )
        self._codes[code.code] = code
        return construct_redirect_uri(
            str(asked.redirect_uri), code=code.code, state=asked.state, iss=self._base
        )

    def deny(self, visit: str) -> str:
        """The person said no: the redirect that says so."""
        _, asked = self._waiting.pop(visit)
        return construct_redirect_uri(
            str(asked.redirect_uri), error="access_denied", state=asked.state, iss=self._base
        )

    # The code.

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        code = self._codes.get(authorization_code)
        return code if code and code.client_id == client.client_id else None

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        if not self._codes.pop(authorization_code.code, None):
            raise TokenError("invalid_grant", "the code was used before")
        grant = authorization_code
        return self._issue(grant, grant.scopes, family=secrets.token_hex(4))

    # The refresh token.

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        token = self._spent_token(refresh_token) or self._refresh.get(refresh_token)
        return token if token and token.client_id == client.client_id else None

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self._refresh.pop(refresh_token.token, None):
            self._spent[refresh_token.token] = (refresh_token, time.time())
        else:
            self._ledger.grace_uses += 1
        return self._issue(
            refresh_token, scopes or refresh_token.scopes, family=self._family[refresh_token.token]
        )

    def _spent_token(self, value: str) -> RefreshToken | None:
        """A rotated token that comes again: taken within the grace, else its whole family dies."""
        if value not in self._spent:
            return None
        token, spent_at = self._spent[value]
        if time.time() - spent_at <= self._ledger.settings.grace:
            return token
        self._ledger.reuses += 1
        self._end_family(self._family[value])
        return None

    # The access token.

    async def load_access_token(self, token: str) -> AccessToken | None:
        access = self._access.get(token)
        return access if access and (access.expires_at or 0) > time.time() else None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self._end_family(self._family[token.token])

    def _issue(self, grant: AuthorizationCode | RefreshToken, scopes: list[str], family: str) -> OAuthToken:
        lifetime = int(self._ledger.settings.token_lifetime)
        now = int(time.time())
        access, refresh = "access_" + secrets.token_urlsafe(24), "refresh_" + secrets.token_urlsafe(24)
        self._access[access] = AccessToken(
            token=access,
            client_id=grant.client_id,
            subject=grant.subject,
            scopes=scopes,
            resource=grant.resource,
            expires_at=now + lifetime,
        )
        self._refresh[refresh] = RefreshToken(
            token=refresh,
            client_id=grant.client_id,
            subject=grant.subject,
            scopes=scopes,
            resource=grant.resource,
            expires_at=now + REFRESH_TOKEN_LIFETIME,
        )
        self._family[access] = self._family[refresh] = family
        return OAuthToken(
            access_token=access,
            token_type="Bearer",
            expires_in=lifetime,
            scope=" ".join(scopes),
            refresh_token=refresh,
        )

    def _end_family(self, family: str) -> None:
        members = [token for token, its_family in self._family.items() if its_family == family]
        for token in members:
            self._access.pop(token, None)
            self._refresh.pop(token, None)
