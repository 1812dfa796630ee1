"""Logging in and out: the one interactive entry, for the command line and for programs.

The order: open the store (a login that cannot be kept is not begun), verify what is there, discover, choose
a client, bind the callback before it is registered, have the person say yes, redeem, store.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

import anyio.to_thread

from mcp_vacuum.client import LOOPBACK_REDIRECT
from mcp_vacuum.drivers.aio import CodeShower, Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import (
    AuthenticationError,
    DiscoveryError,
    LoginRequired,
    OAuthError,
    RecordDamaged,
    RegistrationError,
    ServerUnavailable,
    UsageError,
)
from mcp_vacuum.models import DEFAULT_ACCOUNT, AuthMethod, Binding, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.assertion import with_signing_alg
from mcp_vacuum.protocol.authorization import AuthorizationRequest, authorization_request
from mcp_vacuum.protocol.client_auth import SIGNED_METHODS, choose_method, performable
from mcp_vacuum.protocol.device import DEVICE_CODE, device_login
from mcp_vacuum.protocol.discovery import (
    AuthServer,
    Discovery,
    NotRequired,
    Probe,
    same_but_root_slash,
    stated_resource,
)
from mcp_vacuum.protocol.flows import authorize, discover, register, revoke, unregister
from mcp_vacuum.protocol.pkce import PKCEChallenge
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.quirks import NO_RESOURCE, check_quirks
from mcp_vacuum.protocol.registration import CODE_GRANTS, Deletion
from mcp_vacuum.protocol.scopes import choose_scope
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.limits import PERSON_TIMEOUT
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import check_endpoint, host_of, normalise_server_url, printable
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore, open_store
from mcp_vacuum.storage.secure import credential_of
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, policy_of
from mcp_vacuum.tokens.source import LoginTokens

Progress = Callable[[str, str], None]
"""Told what is done, in order: a stable word for programs and a sentence for people."""

Ways = Callable[[LoopbackListener, float], Person]
"""Makes the person who will say yes, from the listener and the seconds to wait."""

ResourceCheck = Callable[[str, str | None], None]
"""Judges the `resource` that a server's metadata states (None without metadata); an exception refuses it."""

STALE_CLIENT = "registration_stale"
_PROBE = "mcp-vacuum:can-this-be-written"
"""The issuer of a registration that is written and deleted, to see whether that works."""


def by_browser(listener: LoopbackListener, timeout: float) -> Person:
    """The default: open the browser of this machine."""
    return BrowserVisit(listener, timeout=timeout)


class CallersCallback(LoopbackListener):
    """The redirect arrives at a callback of the program's own: nothing is bound here."""

    def __init__(self, redirect_uri: str) -> None:
        """Take the redirect URI as it is; it need not be on loopback."""
        self.redirect_uri = redirect_uri

    def close(self) -> None:
        """Nothing was opened."""


def _silent(_step: str, _text: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """What a person may want of a login.

    Attributes:
        account: A name for one of several logins to the same server.
        scope: Scopes to ask for instead of the server's own choice.
        client: A pre-registered client.
        client_metadata: What a registration says about the client (RFC 7591 §2), `client_name` for example.
        client_metadata_url: A client ID metadata document, used where the server takes them.
        redirect_uri: An exact loopback redirect URI, for servers that insist on one; without a port it
            gets a free one.
        own_callback: The program itself waits at `redirect_uri`, which may then be any; no listener is bound,
            and `ways` gets a `CallersCallback`.
        callback_port: The port of the default redirect URI; 0 for a free one.
        resource: The resource identifier, where the server's own differs from its URL.
        quirks: Named deviations to tolerate.
        legacy: Take the 2025-03-26 shape where the server has no metadata.
        dpop: Bind the tokens to a key (RFC 9449), also where the resource does not ask for it.
        device: Log in on another device with a code (RFC 8628), instead of a browser here.
        allow_private_network: The server may point to private addresses.
        timeout: Seconds to wait for the person.
        force: Log in again although the login is still valid.
        keep_client: A forced login uses the client that was registered before, if it still fits.
    """

    account: str = DEFAULT_ACCOUNT
    scope: tuple[str, ...] = ()
    client: ClientCredentials | None = None
    client_metadata: Mapping[str, object] = field(default_factory=dict)
    client_metadata_url: str | None = None
    redirect_uri: str | None = None
    own_callback: bool = False
    callback_port: int = 0
    resource: str | None = None
    quirks: tuple[str, ...] = ()
    legacy: bool = False
    dpop: bool = False
    device: bool = False
    allow_private_network: bool = False
    timeout: float = PERSON_TIMEOUT
    force: bool = False
    keep_client: bool = False


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
    show_code: CodeShower | None = None,
    greeting: Probe | None = None,
    check_resource: ResourceCheck | None = None,
    progress: Progress = _silent,
) -> LoginResult:
    """Log in to a server; see `login_blocking`."""
    return await anyio.to_thread.run_sync(
        lambda: login_blocking(
            server_url,
            options,
            store=store,
            ways=ways,
            show_code=show_code,
            greeting=greeting,
            check_resource=check_resource,
            progress=progress,
        ),
        abandon_on_cancel=True,
    )


def login_blocking(
    server_url: str,
    options: LoginOptions = DEFAULTS,
    *,
    store: CredentialStore | None = None,
    ways: Ways = by_browser,
    show_code: CodeShower | None = None,
    greeting: Probe | None = None,
    check_resource: ResourceCheck | None = None,
    progress: Progress = _silent,
) -> LoginResult:
    """Log in to a server and keep the login.

    Args:
        server_url: Of an MCP server, or of any OAuth-protected API with RFC 9728 metadata.
        options: See `LoginOptions`.
        store: Where to keep it; the user's vault if absent.
        ways: Who says yes, and how.
        show_code: Shows the code of a device login.
        greeting: What the server answered to a request without a token; it is then not asked again.
        check_resource: Judges the resource instead of our own check; called with the server URL.
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
    _check_metadata_url(options.client_metadata_url)
    if store is None:
        store = open_store()
        assert store is not None
    if store.notice:
        progress("notice", store.notice)
    return _Login(server, options, store, _Helpers(ways, show_code, greeting, check_resource, progress)).run()


def import_blocking(
    server_url: str,
    options: LoginOptions,
    client: ClientCredentials,
    token: OAuth2Token,
    *,
    store: CredentialStore,
    greeting: Probe | None = None,
    check_resource: ResourceCheck | None = None,
) -> LoginResult:
    """Keep a login that another program made, bound to the endpoints that its server names today.

    Nothing of it is sent anywhere: discovery comes first, and a client of another issuer is refused.

    Args:
        server_url: See `login_blocking`.
        options: See `LoginOptions`.
        client: Whom the refresh token was given to; its issuer, where it names one, has to be the server's.
        token: Its access token may be empty.
        store: Where to keep it.
        greeting: See `login_blocking`.
        check_resource: See `login_blocking`.

    Raises:
        LoginRequired: The server has another authorization server now.
        DiscoveryError, SecurityRefused, ServerUnavailable, StorageError: See `login_blocking`.
    """
    server = normalise_server_url(server_url)
    check_quirks(options.quirks)
    helpers = _Helpers(by_browser, None, greeting, check_resource, _silent)
    return _Login(server, options, store, helpers).adopt(client, token)


@dataclass(frozen=True, slots=True)
class _Helpers:
    """Whom a login turns to."""

    ways: Ways
    show_code: CodeShower | None
    greeting: Probe | None
    check_resource: ResourceCheck | None
    progress: Progress


class _Login:
    """One login in progress."""

    def __init__(self, server: str, options: LoginOptions, store: CredentialStore, helpers: _Helpers) -> None:
        self.server = server
        self.options = options
        self.store = store
        self.helpers = helpers
        self.progress = helpers.progress
        self.prover: Prover | None = None
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
        self._choose_proof(found)
        if self.options.device:
            return self._by_device(found)
        client, listener = self._client(found)
        with listener:
            request = self._request(found, client, listener.redirect_uri)
            token = self._authorize(found, client, request, listener)
        return self._keep(found, client, request.redirect_uri, token)

    def adopt(self, client: ClientCredentials, token: OAuth2Token) -> LoginResult:
        """Bind a login from elsewhere to what discovery finds, and keep it."""
        found = self._discover()
        if isinstance(found, NotRequired):
            return LoginResult("not_required", self.server)
        issuer = found.auth_server.issuer
        if client.issuer is not None and not same_but_root_slash(client.issuer, issuer):
            raise LoginRequired(
                self.server,
                f"its authorization server is {issuer} now; nothing of the login at {client.issuer} was sent",
                account=self.options.account,
                spec="MCP authorization, Authorization Server Migration",
            )
        chosen = choose_method(found.auth_server.auth_methods, has_secret=client.client_secret is not None)
        client = replace(client, issuer=issuer, token_endpoint_auth_method=_method_of(client, chosen))
        if client.registration == "dynamic":
            self.store.put_registration(client)
        return self._keep(found, client, next(iter(client.redirect_uris), None), token)

    def _choose_proof(self, found: Discovery) -> None:
        """Bind the tokens to a key where the resource asks for it, or the person does."""
        if self.options.dpop or found.dpop_required:
            self.prover = Prover.generate(found.auth_server.dpop_algorithms)

    def _by_device(self, found: Discovery) -> LoginResult:
        """Have the person enter a code on another device (RFC 8628)."""
        server = found.auth_server
        if server.device_authorization_endpoint is None:
            raise DiscoveryError(
                f"{server.issuer} has no device login", hint="log in without --device", spec="RFC 8628 §4"
            )
        client = self._preregistered(found)
        if client is None:
            client = self._register_with(found, (LOOPBACK_REDIRECT,), (DEVICE_CODE, "refresh_token"))
        binding = Binding(server.token_endpoint, client.client_id, server.issuer, self._resource(found))
        flow = device_login(
            server.device_authorization_endpoint,
            binding,
            client,
            scope=self._scope(found),
            patience=self.options.timeout,
            prover=self.prover,
        )
        granted = SyncDriver(self.policy, show_code=self.helpers.show_code).run(flow)
        return self._keep(found, client, None, granted.token)

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
        flow = discover(
            self.server,
            greeting=self.helpers.greeting,
            resource=self._judged_resource(),
            quirks=self.options.quirks,
            legacy=self.options.legacy,
        )
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

    def _judged_resource(self) -> str | None:
        """The resource to insist on: the person's, or the one that the caller's own check let pass."""
        check = self.helpers.check_resource
        if check is None:
            return self.options.resource
        flow = stated_resource(self.server, greeting=self.helpers.greeting)
        stated = SyncDriver(self.policy).run(flow)
        check(self.server, stated)
        return stated

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
                listener = self._listen(kept)
            except ServerUnavailable:
                self.progress("port_in_use", "the remembered callback port is in use; registering anew")
            else:
                self.progress("client", f"client {kept.client_id}, registered earlier")
                return kept, listener
        return self._register(found)

    def _preregistered(self, found: Discovery) -> ClientCredentials | None:
        issuer, options = found.auth_server.issuer, self.options
        client = _of_issuer(options.client, issuer)
        if client is None and self.old and self.old.issuer == issuer and self.old.client:
            client = self.old.client if self.old.client.registration == "preregistered" else None
        if client is not None:
            method = choose_method(
                found.auth_server.auth_methods, has_secret=client.client_secret is not None
            )
            uris = (options.redirect_uri,) if options.redirect_uri else client.redirect_uris
            bound = replace(
                client,
                issuer=issuer,
                token_endpoint_auth_method=_method_of(client, method),
                redirect_uris=uris,
            )
            return with_signing_alg(bound, found.auth_server.signing_algorithms)
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
        anew = self.options.force and not self.options.keep_client
        if kept is None or anew or not kept.redirect_uris:
            return None
        stale = self.old is not None and self.old.ended == STALE_CLIENT and self.old.client is not None
        if stale and self.old and self.old.client and self.old.client.client_id == kept.client_id:
            return None
        if 0 < kept.client_secret_expires_at < time.time() + 60:
            return None
        return kept if _fitting(self.options.redirect_uri, kept.redirect_uris) else None

    def _listen(self, client: ClientCredentials | None = None) -> LoopbackListener:
        uri = _fitting(self.options.redirect_uri, client.redirect_uris if client else ())
        uri = uri or self.options.redirect_uri
        if uri is not None and self.options.own_callback:
            return CallersCallback(uri)
        if uri is not None:
            return LoopbackListener.for_redirect_uri(uri)
        return LoopbackListener(port=self.options.callback_port)

    def _register(self, found: Discovery) -> tuple[ClientCredentials, LoopbackListener]:
        listener = self._listen()
        try:
            client = self._register_with(found, (listener.redirect_uri,))
            self.store.put_registration(client)
        except BaseException:
            listener.close()
            raise
        return client, listener

    def _register_with(
        self, found: Discovery, redirect_uris: tuple[str, ...], grant_types: tuple[str, ...] = CODE_GRANTS
    ) -> ClientCredentials:
        server = found.auth_server
        if server.registration_endpoint is None:
            raise RegistrationError(
                f"{server.issuer} registers no clients by itself",
                hint=f"get a client ID from its operator: mcp-vacuum login {self.server} --client-id ID",
                spec="MCP authorization, Client Registration",
                url=server.issuer,
            )
        flow = register(
            server.registration_endpoint,
            name=host_of(self.server),
            redirect_uris=redirect_uris,
            scope=self._scope(found),
            issuer=server.issuer,
            auth_method=self._method_to_register(server),
            grant_types=grant_types,
            about=self.options.client_metadata,
        )
        client = SyncDriver(self.policy).run(flow)
        self.progress("registered", f"registered as client {client.client_id}")
        return client

    def _method_to_register(self, server: AuthServer) -> AuthMethod:
        """The caller's own choice where the server takes it, else ours."""
        wanted = performable(str(self.options.client_metadata.get("token_endpoint_auth_method")))
        taken = wanted is not None and wanted not in SIGNED_METHODS
        if wanted is not None and taken and wanted in (server.auth_methods or (wanted,)):
            return wanted
        return choose_method(server.auth_methods, has_secret=False)

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
            resource=self._resource(found),
            dpop_jkt=self.prover.key.thumbprint if self.prover else None,
        )

    def _resource(self, found: Discovery) -> str | None:
        return None if NO_RESOURCE.name in self.options.quirks else found.resource

    def _authorize(
        self,
        found: Discovery,
        client: ClientCredentials,
        request: AuthorizationRequest,
        listener: LoopbackListener,
    ) -> OAuth2Token:
        self.progress("waiting", "waiting for you to say yes in the browser")
        driver = SyncDriver(self.policy, self.helpers.ways(listener, self.options.timeout))
        flow = authorize(found.auth_server.token_endpoint, client, request, prover=self.prover)
        try:
            granted = driver.run(flow)
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
        redirect_uri: str | None,
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
                redirect_uri=redirect_uri,
                scope_asked=self._scope(found),
                scope=token.scope or self._scope(found),
                created_at=token.created_at,
                generation=old.generation if old else 0,
                reach=(self.policy.reach or Reach.PUBLIC).word,
                allow_private_network=self.options.allow_private_network,
                quirks=self.options.quirks,
                legacy=found.legacy,
                grant="device_code" if self.options.device else "authorization_code",
                dpop_key=self.prover.key.to_secret() if self.prover else None,
            )
            kept = credential_of(self.server, replace(token, binding=None), base)
            self.store.put(kept, expected_generation=old.generation if old else 0)
            if token.access_token:
                held = Held(token, kept.generation, prover=self.prover)
                ACCESS_TOKENS.put((self.store.location, self.server, account), held)
        self.progress("stored", "the login is kept")
        return LoginResult("new", self.server, kept, token)


def _fitting(wanted: str | None, registered: tuple[str, ...]) -> str | None:
    """Return the registered redirect URI to use: the wanted one, its port left open or not."""
    if wanted is None:
        return next(iter(registered), None)
    if wanted in registered:
        return wanted
    return next((uri for uri in registered if _without_port(uri) == wanted), None)


def _without_port(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.removesuffix(f":{parts.port}")).geturl()


def _of_issuer(client: ClientCredentials | None, issuer: str) -> ClientCredentials | None:
    """Return a client if it is one of this issuer; another issuer's is never shown to it.

    Raises:
        RegistrationError: A pre-registered client is another issuer's (MCP, Authorization Server Binding).
    """
    if client is None or client.issuer in (None, issuer):
        return client
    if client.registration != "preregistered":
        return None
    raise RegistrationError(
        f"the client {printable(client.client_id)} is registered at {client.issuer}, not at {issuer}",
        hint="get a client ID from the new authorization server's operator",
        spec="MCP authorization, Authorization Server Binding",
        url=issuer,
    )


def _check_metadata_url(url: str | None) -> None:
    """A client ID metadata document has an https URL with a path (loopback may be http).

    Raises:
        SecurityRefused: It is not https. `UsageError`: It has no path.
    """
    if url is None:
        return
    check_endpoint(url, "the client metadata URL", spec="CIMD §3")
    if urlsplit(url).path in ("", "/"):
        raise UsageError(f"{printable(url)} has no path, which a client metadata URL needs", spec="CIMD §3")


def _method_of(client: ClientCredentials, with_secret: AuthMethod) -> AuthMethod:
    """How a pre-registered client authenticates: by its key, as it says, by its secret, or not at all."""
    if client.private_key is not None:
        return "private_key_jwt"
    if client.client_secret is not None and client.token_endpoint_auth_method != "none":
        return client.token_endpoint_auth_method
    return with_secret if client.client_secret is not None else "none"


@dataclass(frozen=True, slots=True)
class LogoutResult:
    """How a logout ended. The login is gone from this machine in any case.

    Attributes:
        revoked: The authorization server ended the grant.
        because: Why it did not, if it did not.
        registration: What became of a dynamic registration; None where the client has none.
        registration_because: Why.
    """

    revoked: bool
    because: str | None = None
    registration: Literal["deleted", "kept"] | None = None
    registration_because: str | None = None


def logout_blocking(
    store: CredentialStore, credential: Credential, *, keep_registration: bool = False
) -> LogoutResult:
    """End a login: revoke its refresh token (RFC 7009), forget it, and take back what was registered for it.

    Args:
        store: Where the login is.
        credential: The login.
        keep_registration: Leave a dynamic registration as it is, for the next login. It is left in any case
            while another login needs it.

    Raises:
        StorageError: It could not be forgotten.
    """
    result = _revoke(credential)
    with store.lease(credential.server, credential.account, LEASE_TIMEOUT):
        store.delete(credential.server, credential.account)
    ACCESS_TOKENS.forget((store.location, credential.server, credential.account))
    return _taken_back(store, credential, result, keep_registration)


def _taken_back(
    store: CredentialStore, credential: Credential, result: LogoutResult, keep: bool
) -> LogoutResult:
    """Delete the registration of a login that is over (RFC 7592), unless somebody needs it."""
    client = credential.client
    if client is None or client.issuer is None or client.registration != "dynamic":
        return result
    if keep:
        return replace(result, registration="kept", registration_because="it was to be kept")
    if _still_needed(store, client):
        return replace(result, registration="kept", registration_because="another login uses it")
    try:
        deletion = SyncDriver(policy_of(credential)).run(unregister(client))
    except (ServerUnavailable, AuthenticationError) as error:
        deletion = Deletion(False, str(error))
    if deletion.gone:
        kept = _readable_registration(store, client.issuer)
        if kept is not None and kept.client_id == client.client_id:
            store.delete_registration(client.issuer)
    outcome: Literal["deleted", "kept"] = "deleted" if deletion.gone else "kept"
    return replace(result, registration=outcome, registration_because=deletion.because)


def _still_needed(store: CredentialStore, client: ClientCredentials) -> bool:
    """True if another login uses the client; one that does not open now may be one of those."""
    others = [row.key for row in store.index() if row.issuer == client.issuer]
    opened = [login for login in store.logins() if login.issuer == client.issuer]
    return len(opened) < len(others) or any(
        login.client is not None and login.client.client_id == client.client_id for login in opened
    )


def _readable_registration(store: CredentialStore, issuer: str) -> ClientCredentials | None:
    try:
        return store.registration(issuer)
    except RecordDamaged:
        return None


def _revoke(credential: Credential) -> LogoutResult:
    token, client = credential.refresh_token, credential.client
    if credential.grant in MACHINE_GRANTS:
        return LogoutResult(False, "a machine grant leaves nothing behind that could be revoked")
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
