"""Logging in and out: the one interactive entry, for the command line and for programs.

The order: open the store (a login that cannot be kept is not begun), verify what is there, discover, choose
a client, bind the callback before it is registered, have the person say yes, redeem, store.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import anyio.to_thread

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import (
    AuthenticationError,
    LoginRequired,
    OAuthError,
    RecordDamaged,
    RegistrationError,
    ServerUnavailable,
)
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest, authorization_request
from mcp_vacuum.protocol.client_auth import choose_method
from mcp_vacuum.protocol.discovery import Discovery, NotRequired
from mcp_vacuum.protocol.flows import authorize, discover, register, revoke
from mcp_vacuum.protocol.pkce import PKCEChallenge
from mcp_vacuum.protocol.quirks import NO_RESOURCE, check_quirks
from mcp_vacuum.protocol.registration import DEFAULT_SCOPE
from mcp_vacuum.protocol.scopes import choose_scope
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.limits import PERSON_TIMEOUT
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import host_of, normalise_server_url
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore, open_store
from mcp_vacuum.storage.secure import credential_of
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, policy_of
from mcp_vacuum.tokens.source import LoginTokens

Progress = Callable[[str, str], None]
"""Told what is done, in order: a stable word for programs and a sentence for people."""

Ways = Callable[[LoopbackListener, float], Person]
"""Makes the person who will say yes, from the listener and the seconds to wait."""

STALE_CLIENT = "registration_stale"
_PROBE = "mcp-vacuum:can-this-be-written"
"""The issuer of a registration that is written and deleted, to see whether that works."""


def by_browser(listener: LoopbackListener, timeout: float) -> Person:
    """The default: open the browser of this machine."""
    return BrowserVisit(listener, timeout=timeout)


def _silent(_step: str, _text: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """What a person may want of a login.

    Attributes:
        account: A name for one of several logins to the same server.
        scope: Scopes to ask for instead of the server's own choice.
        client: A pre-registered client.
        client_metadata_url: A client ID metadata document, used where the server takes them.
        redirect_uri: An exact loopback redirect URI, for servers that insist on one.
        callback_port: The port of the default redirect URI; 0 for a free one.
        resource: The resource identifier, where the server's own differs from its URL.
        quirks: Named deviations to tolerate.
        allow_private_network: The server may point to private addresses.
        timeout: Seconds to wait for the person.
        force: Log in again although the login is still valid.
    """

    account: str = DEFAULT_ACCOUNT
    scope: tuple[str, ...] = ()
    client: ClientCredentials | None = None
    client_metadata_url: str | None = None
    redirect_uri: str | None = None
    callback_port: int = 0
    resource: str | None = None
    quirks: tuple[str, ...] = ()
    allow_private_network: bool = False
    timeout: float = PERSON_TIMEOUT
    force: bool = False


DEFAULTS = LoginOptions()


@dataclass(frozen=True, slots=True)
class LoginResult:
    """How a login ended, when it ended well.

    Attributes:
        outcome: ``new``; ``still_valid``, verified without a browser; or ``not_required``.
        server: The normalised server URL.
        credential: The stored record; None where no login is required.
        token: The access token, in memory; None where no login is required.
    """

    outcome: Literal["new", "still_valid", "not_required"]
    server: str
    credential: Credential | None = None
    token: OAuth2Token | None = field(default=None, repr=False)


async def login(
    server_url: str,
    options: LoginOptions = DEFAULTS,
    *,
    store: CredentialStore | None = None,
    ways: Ways = by_browser,
    progress: Progress = _silent,
) -> LoginResult:
    """Log in to a server; see `login_blocking`."""
    return await anyio.to_thread.run_sync(
        lambda: login_blocking(server_url, options, store=store, ways=ways, progress=progress),
        abandon_on_cancel=True,
    )


def login_blocking(
    server_url: str,
    options: LoginOptions = DEFAULTS,
    *,
    store: CredentialStore | None = None,
    ways: Ways = by_browser,
    progress: Progress = _silent,
) -> LoginResult:
    """Log in to a server and keep the login.

    Args:
        server_url: Of an MCP server, or of any OAuth-protected API with RFC 9728 metadata.
        options: See `LoginOptions`.
        store: Where to keep it; the user's vault if absent.
        ways: Who says yes, and how.
        progress: Told each step.

    Raises:
        UsageError: The URL or an option makes no sense.
        LoginDeclined: The person declined or did not answer in time.
        SecurityRefused: The server broke a rule; `spec` names it.
        DiscoveryError, RegistrationError, OAuthError, AuthenticationError: The server said no.
        ServerUnavailable: Try again later.
        StorageError: The store or its key cannot be used; checked before anything is sent.
    """
    server = normalise_server_url(server_url)
    check_quirks(options.quirks)
    if store is None:
        store = open_store()
        assert store is not None
    if store.notice:
        progress("notice", store.notice)
    return _Login(server, options, store, ways, progress).run()


class _Login:
    """One login in progress."""

    def __init__(
        self, server: str, options: LoginOptions, store: CredentialStore, ways: Ways, progress: Progress
    ) -> None:
        self.server = server
        self.options = options
        self.store = store
        self.ways = ways
        self.progress = progress
        self.policy = NetworkPolicy(host_of(server), allow_private=options.allow_private_network)
        self.old = store.get(server, options.account)

    def run(self) -> LoginResult:
        valid = self._verified()
        if valid is not None:
            return valid
        self._check_writable()
        found = self._discover()
        if isinstance(found, NotRequired):
            self.progress("not_required", "the server answers without a login")
            return LoginResult("not_required", self.server)
        client, listener = self._client(found)
        with listener:
            request = self._request(found, client, listener.redirect_uri)
            token = self._authorize(found, client, request, listener)
        return self._keep(found, client, request, token)

    # --- what is there already ------------------------------------------------------------------------

    def _verified(self) -> LoginResult | None:
        """A login that is still valid is verified at the server, and no tab is opened."""
        old, options = self.old, self.options
        wants_more = not set(options.scope) <= set((old.scope or "").split()) if old else True
        other_client = (
            options.client and old and old.client and old.client.client_id != options.client.client_id
        )
        if old is None or options.force or wants_more or other_client:
            return None
        try:
            held = LoginTokens(self.store, self.server, options.account).obtain()
        except LoginRequired as why:
            self.progress("login_needed", why.reason)
            self.old = self.store.get(self.server, options.account)
            return None
        credential = self.store.get(self.server, options.account)
        return LoginResult("still_valid", self.server, credential, held.token)

    def _check_writable(self) -> None:
        """A full or read-only disk is found before anything is sent: a login has to be kept."""
        self.store.put_registration(ClientCredentials(client_id="-", issuer=_PROBE))
        self.store.delete_registration(_PROBE)

    # --- discovery ------------------------------------------------------------------------------------

    def _discover(self) -> Discovery | NotRequired:
        self.progress("discovering", f"asking {self.server} how to log in")
        flow = discover(self.server, resource=self.options.resource, quirks=self.options.quirks)
        found = SyncDriver(self.policy).run(flow)
        if isinstance(found, Discovery):
            issuer = found.auth_server.issuer
            self.progress("discovered", f"authorization server {issuer}")
            if self.old and self.old.issuer and self.old.issuer != issuer:
                self.progress(
                    "issuer_changed",
                    f"it used to be {self.old.issuer}; nothing of that login is sent to the new one",
                )
        return found

    # --- the client -----------------------------------------------------------------------------------

    def _client(self, found: Discovery) -> tuple[ClientCredentials, LoopbackListener]:
        """Choose the client: pre-registered, metadata document, dynamic (kept or new), else ask."""
        issuer = found.auth_server.issuer
        given = self._preregistered(found)
        if given is not None:
            self.progress("client", f"pre-registered client {given.client_id}")
            return given, self._listen(given)
        kept = self._kept_registration(issuer)
        if kept is not None:
            try:
                listener = LoopbackListener.for_redirect_uri(kept.redirect_uris[0])
            except ServerUnavailable:
                self.progress("port_in_use", "the remembered callback port is in use; registering anew")
            else:
                self.progress("client", f"client {kept.client_id}, registered earlier")
                return kept, listener
        return self._register(found)

    def _preregistered(self, found: Discovery) -> ClientCredentials | None:
        issuer, options = found.auth_server.issuer, self.options
        client = options.client
        if client is None and self.old and self.old.issuer == issuer and self.old.client:
            client = self.old.client if self.old.client.registration == "preregistered" else None
        if client is not None:
            method = choose_method(
                found.auth_server.auth_methods, has_secret=client.client_secret is not None
            )
            uris = (options.redirect_uri,) if options.redirect_uri else client.redirect_uris
            return replace(
                client,
                issuer=issuer,
                token_endpoint_auth_method=method if client.client_secret else "none",
                redirect_uris=uris,
            )
        if options.client_metadata_url and found.auth_server.metadata_documents:
            return ClientCredentials(
                client_id=options.client_metadata_url, issuer=issuer, registration="metadata_document"
            )
        return None

    def _kept_registration(self, issuer: str) -> ClientCredentials | None:
        try:
            kept = self.store.registration(issuer)
        except RecordDamaged:
            return None  # a new one takes its place, and the store sets this one aside
        if kept is None or self.options.force or not kept.redirect_uris:
            return None
        stale = self.old is not None and self.old.ended == STALE_CLIENT and self.old.client is not None
        if stale and self.old and self.old.client and self.old.client.client_id == kept.client_id:
            return None
        if 0 < kept.client_secret_expires_at < time.time() + 60:
            return None
        wanted = self.options.redirect_uri
        return kept if wanted is None or wanted in kept.redirect_uris else None

    def _listen(self, client: ClientCredentials | None = None) -> LoopbackListener:
        registered = client.redirect_uris[0] if client and client.redirect_uris else None
        uri = self.options.redirect_uri or registered
        if uri is not None:
            return LoopbackListener.for_redirect_uri(uri)
        return LoopbackListener(port=self.options.callback_port)

    def _register(self, found: Discovery) -> tuple[ClientCredentials, LoopbackListener]:
        server = found.auth_server
        if server.registration_endpoint is None:
            raise RegistrationError(
                f"{server.issuer} registers no clients by itself",
                hint=f"get a client ID from its operator: mcp-vacuum login {self.server} --client-id ID",
                spec="MCP authorization, Client Registration",
                url=server.issuer,
            )
        listener = self._listen()
        try:
            client = SyncDriver(self.policy).run(
                register(
                    server.registration_endpoint,
                    name=host_of(self.server),
                    redirect_uris=(listener.redirect_uri,),
                    scope=self._scope(found) or DEFAULT_SCOPE,
                    issuer=server.issuer,
                    auth_method=choose_method(server.auth_methods, has_secret=False),
                )
            )
            self.store.put_registration(client)
        except BaseException:
            listener.close()
            raise
        self.progress("registered", f"registered as client {client.client_id}")
        return client, listener

    # --- authorization --------------------------------------------------------------------------------

    def _wanted_scope(self, found: Discovery) -> tuple[str, ...]:
        """A step-up asks for the union, so that it takes nothing away; with `force` what is given is all."""
        old, wanted = self.old, self.options.scope
        if not wanted or self.options.force or old is None or old.issuer != found.auth_server.issuer:
            return wanted
        return (*(old.scope or "").split(), *wanted)

    def _scope(self, found: Discovery) -> str | None:
        return choose_scope(
            wanted=self._wanted_scope(found),
            challenged=found.challenged_scope,
            resource_scopes=found.resource_scopes,
            server_scopes=found.auth_server.scopes_supported,
        )

    def _request(
        self, found: Discovery, client: ClientCredentials, redirect_uri: str
    ) -> AuthorizationRequest:
        _, verifier = PKCEChallenge.generate_challenge()
        return authorization_request(
            found.auth_server.authorization_endpoint,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            state=Secret(secrets.token_urlsafe(32)),
            verifier=Secret(verifier),
            issuer=found.auth_server.issuer,
            iss_required=found.auth_server.iss_advertised,
            scope=self._scope(found),
            resource=None if NO_RESOURCE.name in self.options.quirks else found.resource,
        )

    def _authorize(
        self,
        found: Discovery,
        client: ClientCredentials,
        request: AuthorizationRequest,
        listener: LoopbackListener,
    ) -> OAuth2Token:
        self.progress("waiting", "waiting for you to say yes in the browser")
        driver = SyncDriver(self.policy, self.ways(listener, self.options.timeout))
        try:
            granted = driver.run(authorize(found.auth_server.token_endpoint, client, request))
        except OAuthError as error:
            if error.error in ("invalid_client", "unauthorized_client") and client.registration == "dynamic":
                self.store.delete_registration(found.auth_server.issuer)
                error.hint = "the server has forgotten this client; log in again to register anew"
            raise
        self.progress("granted", "the authorization server gave a token")
        return granted.token

    # --- keeping it -----------------------------------------------------------------------------------

    def _keep(
        self,
        found: Discovery,
        client: ClientCredentials,
        request: AuthorizationRequest,
        token: OAuth2Token,
    ) -> LoginResult:
        server, account = found.auth_server, self.options.account
        with self.store.lease(self.server, account, LEASE_TIMEOUT):
            old = self.store.get(self.server, account)
            base = Credential(
                server=self.server,
                account=account,
                alias=old.alias if old else None,
                resource=found.resource,
                issuer=server.issuer,
                token_endpoint=server.token_endpoint,
                revocation_endpoint=server.revocation_endpoint,
                introspection_endpoint=server.introspection_endpoint,
                device_authorization_endpoint=server.device_authorization_endpoint,
                client=client,
                redirect_uri=request.redirect_uri,
                scope_asked=request.scope,
                scope=token.scope or request.scope,
                created_at=token.created_at,
                generation=old.generation if old else 0,
                reach=(self.policy.reach or Reach.PUBLIC).word,
                allow_private_network=self.options.allow_private_network,
                quirks=self.options.quirks,
            )
            kept = credential_of(self.server, replace(token, binding=None), base)
            self.store.put(kept, expected_generation=old.generation if old else 0)
            ACCESS_TOKENS.put((self.store.location, self.server, account), Held(token, kept.generation))
        self.progress("stored", "the login is kept")
        return LoginResult("new", self.server, kept, token)


@dataclass(frozen=True, slots=True)
class LogoutResult:
    """How a logout ended. The login is gone from this machine in any case.

    Attributes:
        revoked: The authorization server ended the grant.
        because: Why it did not, if it did not.
    """

    revoked: bool
    because: str | None = None


def logout_blocking(store: CredentialStore, credential: Credential) -> LogoutResult:
    """End a login: revoke its refresh token (RFC 7009), then forget it.

    Raises:
        StorageError: It could not be forgotten.
    """
    result = _revoke(credential)
    with store.lease(credential.server, credential.account, LEASE_TIMEOUT):
        store.delete(credential.server, credential.account)
    ACCESS_TOKENS.forget((store.location, credential.server, credential.account))
    return result


def _revoke(credential: Credential) -> LogoutResult:
    token, client = credential.refresh_token, credential.client
    if token is None or client is None:
        return LogoutResult(False, "there was no refresh token to revoke")
    if credential.revocation_endpoint is None:
        return LogoutResult(False, "the authorization server has no revocation endpoint")
    flow = revoke(credential.revocation_endpoint, client, token, "refresh_token")
    try:
        refusal = SyncDriver(policy_of(credential)).run(flow)
    except (ServerUnavailable, AuthenticationError) as error:
        return LogoutResult(False, str(error))
    return LogoutResult(refusal is None, refusal and f"the authorization server answered {refusal}")
