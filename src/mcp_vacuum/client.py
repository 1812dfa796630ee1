"""OAuth2Client and DynamicClientRegistration: the flows of `protocol/` behind a line or two a method."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_vacuum.drivers.aio import AsyncDriver
from mcp_vacuum.errors import AuthenticationError, UsageError
from mcp_vacuum.models import AuthMethod, Binding, ClientCredentials, MCPServerInfo, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest, authorization_request
from mcp_vacuum.protocol.client_auth import SIGNED_METHODS, choose_method, performable
from mcp_vacuum.protocol.effects import Flow, send
from mcp_vacuum.protocol.flows import exchange, register, revoke
from mcp_vacuum.protocol.pkce import PKCEChallenge
from mcp_vacuum.protocol.registration import DEFAULT_SCOPE
from mcp_vacuum.protocol.token import (
    Granted,
    as_error,
    keep_what_was_left_out,
    read_token_answer,
    refresh_request,
)
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret, wrapped
from mcp_vacuum.safety.url import check_endpoint, host_of

if TYPE_CHECKING:
    from mcp_vacuum.storage.secure import SecureTokenStorage

LOOPBACK_REDIRECT = "http://127.0.0.1/callback"
"""Registered where the caller names no redirect URI: any port counts (RFC 8252 §7.3)."""


class ClientSettings:
    """A configured client, and its flows. Nothing is opened when it is made."""

    def __init__(
        self,
        client_id: str,
        token_endpoint: str,
        authorization_endpoint: str,
        redirect_uri: str,
        scope: str | None = "openid profile",
        *,
        issuer: str | None = None,
        resource: str | None = None,
        client_secret: str | Secret | None = None,
        token_endpoint_auth_method: str | None = None,
        revocation_endpoint: str | None = None,
        iss_required: bool = False,
        storage: SecureTokenStorage | None = None,
    ) -> None:
        """Configure.

        Args:
            client_id: As registered.
            token_endpoint: https, or http on loopback; refreshes go here and nowhere else.
            authorization_endpoint: https, or http on loopback.
            redirect_uri: As registered, character for character.
            scope: Space separated; None asks for none.
            issuer: Checked against `iss` (RFC 9207); without it that check cannot be made.
            resource: Sent in every request (RFC 8707); tokens go nowhere else.
            client_secret: Makes the client confidential; basic authentication unless told otherwise.
            token_endpoint_auth_method: ``none``, ``client_secret_basic`` or ``client_secret_post``.
            revocation_endpoint: Where `revoke()` goes.
            iss_required: The server promises `iss`, so an answer without it is refused.
            storage: Where tokens of this client are kept, for `TokenManager` and the auditor.

        Raises:
            SecurityRefused: An endpoint is not https or http on loopback.
        """
        self.client_id = client_id
        self.token_endpoint = check_endpoint(str(token_endpoint), "token_endpoint")
        self.authorization_endpoint = check_endpoint(str(authorization_endpoint), "authorization_endpoint")
        self.redirect_uri = str(redirect_uri)
        self.scope = scope
        self.issuer = str(issuer) if issuer is not None else None
        self.resource = str(resource) if resource is not None else None
        self.revocation_endpoint = str(revocation_endpoint) if revocation_endpoint is not None else None
        self.iss_required = iss_required
        self.storage = storage
        secret = wrapped(client_secret)
        method = token_endpoint_auth_method or choose_method(None, has_secret=secret is not None)
        self.credentials = ClientCredentials(
            client_id=client_id,
            client_secret=secret,
            issuer=self.issuer,
            redirect_uris=(self.redirect_uri,),
            token_endpoint_auth_method=_known(method),
        )

    @property
    def binding(self) -> Binding:
        """What tokens of this client are bound to."""
        return Binding(self.token_endpoint, self.client_id, self.issuer, self.resource)

    @property
    def policy(self) -> NetworkPolicy:
        """The token endpoint is the caller's own choice; nothing else may be less public than it."""
        return NetworkPolicy(host_of(self.token_endpoint))

    def authorization_request(self) -> AuthorizationRequest:
        """Begin one login: a fresh state, a fresh verifier, and the URL to open.

        Keep the whole object until the redirect comes back: `exchange()` judges the answer by it.
        """
        _, verifier = PKCEChallenge.generate_challenge()
        return authorization_request(
            self.authorization_endpoint,
            client_id=self.client_id,
            redirect_uri=self.redirect_uri,
            state=Secret(secrets.token_urlsafe(32)),
            verifier=Secret(verifier),
            issuer=self.issuer,
            iss_required=self.iss_required,
            scope=self.scope,
            resource=self.resource,
        )

    def _exchange(self, callback_url: str, request: AuthorizationRequest) -> Flow[OAuth2Token]:
        granted = yield from exchange(self.token_endpoint, self.credentials, request, callback_url)
        return replace(granted.token, scope=granted.token.scope or request.scope)

    def _refresh(self, token: OAuth2Token) -> Flow[OAuth2Token]:
        if not token.refresh_token:
            raise AuthenticationError("the token has no refresh token", hint="log in again")
        if token.binding is not None and token.binding != self.binding:
            raise AuthenticationError("the refresh token belongs to another client", spec="OAuth 2.1 §4.3")
        old = Secret(token.refresh_token)
        response = yield from send(refresh_request(self.credentials, self.binding, old))
        answer = read_token_answer(response, binding=self.binding)
        if not isinstance(answer, Granted):
            raise as_error(answer)
        return keep_what_was_left_out(answer.token, refresh_token=old, scope=token.scope)

    def _revoke(self, token: OAuth2Token) -> Flow[str | None]:
        if self.revocation_endpoint is None:
            raise UsageError("this client has no revocation_endpoint", spec="RFC 7009 §2")
        value, hint = token.refresh_token or token.access_token, "access_token"
        hint = "refresh_token" if token.refresh_token else hint
        return (yield from revoke(self.revocation_endpoint, self.credentials, Secret(value), hint))


def _known(method: str) -> AuthMethod:
    known = performable(method)
    if known is None or known in SIGNED_METHODS:
        raise UsageError(f"token_endpoint_auth_method {method!r} is not supported")
    return known


class OAuth2Client(ClientSettings):
    """OAuth 2.1 with PKCE S256, for async code. Opens nothing when constructed."""

    async def exchange(self, callback_url: str, request: AuthorizationRequest) -> OAuth2Token:
        """Check the redirect URL that came back and redeem its code.

        Raises:
            SecurityRefused: Wrong state or `iss`, or a doubled parameter; no code was sent.
            LoginDeclined, OAuthError, AuthenticationError: The server said no.
            ServerUnavailable: It could not be asked, or its answer was lost.
        """
        return await AsyncDriver(self.policy).run(self._exchange(callback_url, request))

    async def refresh(self, token: OAuth2Token) -> OAuth2Token:
        """Refresh once, without a store; what the answer leaves out is kept from the old token.

        Raises:
            AuthenticationError: No refresh token, another client's, or the server said no.
            ServerUnavailable: Try again later.
        """
        return await AsyncDriver(self.policy).run(self._refresh(token))

    async def revoke(self, token: OAuth2Token) -> str | None:
        """Revoke the refresh token, or the access token if there is none (RFC 7009).

        Returns:
            Why the server refused, or None if the token is gone.

        Raises:
            UsageError: There is no revocation endpoint.
            ServerUnavailable: It could not be asked.
        """
        return await AsyncDriver(self.policy).run(self._revoke(token))


class RegistrationFlow:
    """What both faces of dynamic registration share."""

    def _register(
        self, endpoint: str, server_info: MCPServerInfo, redirect_uris: tuple[str, ...] | None
    ) -> Flow[ClientCredentials]:
        return register(
            str(endpoint),
            name=server_info.name,
            redirect_uris=tuple(redirect_uris or (LOOPBACK_REDIRECT,)),
            scope=" ".join(server_info.scopes) or DEFAULT_SCOPE,
            issuer=None,
        )


class DynamicClientRegistration(RegistrationFlow):
    """Registers a public native client (RFC 7591)."""

    async def register_client(
        self,
        registration_endpoint: str,
        server_info: MCPServerInfo,
        *,
        redirect_uris: tuple[str, ...] | None = None,
    ) -> ClientCredentials:
        """Register with auth method `none` and the grants `authorization_code` and `refresh_token`.

        Args:
            registration_endpoint: https, or http on loopback.
            server_info: Its name appears in the client's name; its scopes are asked for, or else
                `mcp:tools mcp:resources mcp:prompts`.
            redirect_uris: Exact; `http://127.0.0.1/callback` if absent.

        Raises:
            RegistrationError: Any answer but success.
            ServerUnavailable: No answer, 429 or 5xx.
        """
        policy = NetworkPolicy(host_of(registration_endpoint))
        flow = self._register(registration_endpoint, server_info, redirect_uris)
        return await AsyncDriver(policy).run(flow)
