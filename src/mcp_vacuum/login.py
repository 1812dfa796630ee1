"""Logging in: the one interactive entry, for the command line and for programs.

The order: open the store (a login that cannot be kept is not begun), verify what is there, discover, choose
a client, bind the callback before it is registered, have the person say yes, redeem, store; then end what is
replaced.
"""

from __future__ import annotations

import secrets

import anyio.to_thread

from mcp_vacuum.drivers.aio import CodeShower
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import DiscoveryError, LoginRequired, OAuthError, VacuumError
from mcp_vacuum.login_attempt import LoginAttempt
from mcp_vacuum.login_client import ClientChoice, check_metadata_url
from mcp_vacuum.login_end import NEEDED, SAME_CLIENT, LogoutResult, end_replaced, end_unused
from mcp_vacuum.login_options import (
    DEFAULTS,
    Helpers,
    LoginOptions,
    LoginResult,
    Progress,
    ResourceCheck,
    Ways,
    by_browser,
    silent,
)
from mcp_vacuum.models import Binding, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest, authorization_request
from mcp_vacuum.protocol.device import device_login
from mcp_vacuum.protocol.discovery import Discovery, NotRequired, Probe
from mcp_vacuum.protocol.flows import authorize
from mcp_vacuum.protocol.pkce import PKCEChallenge
from mcp_vacuum.protocol.quirks import check_quirks
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.stored import stored_tokens

__all__ = [
    "DEFAULTS",
    "LoginOptions",
    "LoginResult",
    "Progress",
    "ResourceCheck",
    "Ways",
    "by_browser",
    "login",
    "login_blocking",
]

_PROBE = "mcp-vacuum:can-this-be-written"
"""The issuer of a registration that is written and deleted, to see whether that works."""


async def login(
    server_url: str,
    options: LoginOptions = DEFAULTS,
    *,
    store: CredentialStore | None = None,
    ways: Ways = by_browser,
    show_code: CodeShower | None = None,
    greeting: Probe | None = None,
    check_resource: ResourceCheck | None = None,
    progress: Progress = silent,
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
    progress: Progress = silent,
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
    check_metadata_url(options.client_metadata_url)
    if store is None:
        store = open_store()
        assert store is not None
    if store.notice:
        progress("notice", store.notice)
    return _Login(server, options, store, Helpers(ways, show_code, greeting, check_resource, progress)).run()


class _Login(LoginAttempt):
    """A login that a person says yes to."""

    def run(self) -> LoginResult:
        valid = self._verified()
        if valid is not None:
            return valid
        self._check_writable()
        found = self.discover()
        if isinstance(found, NotRequired):
            self.progress("not_required", "the server answers without a login")
            return LoginResult("not_required", self.server)
        self.choose_proof(found)
        result = self._by_device(found) if self.options.device else self._by_browser(found)
        self._end_replaced(result)
        return result

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
            held = stored_tokens(self.store, self.server, options.account).obtain()
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

    def _by_browser(self, found: Discovery) -> LoginResult:
        client, listener = ClientChoice(self, found).for_browser()
        with listener:
            request = self._request(found, client, listener.redirect_uri)
            token = self._authorize(found, client, request, listener)
        return self.keep(found, client, request.redirect_uri, token)

    def _by_device(self, found: Discovery) -> LoginResult:
        """Have the person enter a code on another device (RFC 8628)."""
        server = found.auth_server
        if server.device_authorization_endpoint is None:
            raise DiscoveryError(
                f"{server.issuer} has no device login", hint="log in without --device", spec="RFC 8628 §4"
            )
        client = ClientChoice(self, found).for_device()
        binding = Binding(server.token_endpoint, client.client_id, server.issuer, self.resource(found))
        flow = device_login(
            server.device_authorization_endpoint,
            binding,
            client,
            scope=self.scope(found),
            patience=self.options.timeout,
            prover=self.prover,
        )
        granted = SyncDriver(self.policy, show_code=self.helpers.show_code).run(flow)
        return self.keep(found, client, None, granted.token)

    def _request(
        self, found: Discovery, client: ClientCredentials, redirect_uri: str
    ) -> AuthorizationRequest:
        endpoint = found.auth_server.authorization_endpoint
        if endpoint is None:
            raise DiscoveryError(
                f"{found.auth_server.issuer} has no authorization_endpoint",
                hint="if it has a device login: --device",
                spec="RFC 8414 §2",
                url=found.auth_server.issuer,
            )
        _, verifier = PKCEChallenge.generate_challenge()
        return authorization_request(
            endpoint,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            state=Secret(secrets.token_urlsafe(32)),
            verifier=Secret(verifier),
            issuer=found.auth_server.issuer,
            iss_required=found.auth_server.iss_advertised,
            scope=self.scope(found),
            resource=self.resource(found),
            dpop_jkt=self.prover.key.thumbprint if self.prover else None,
        )

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

    def _end_replaced(self, result: LoginResult) -> None:
        """End the login and the registration that are replaced now; what is in the way is said, no more."""
        old, new, former = self.replaced, result.credential, self.replaced_client
        assert new is not None
        try:
            if old is not None:
                self._tell_ended(end_replaced(self.store, old, new))
            if former is not None and former.client_id not in _clients(old, new):
                self._tell_ended(end_unused(SyncDriver(self.policy), self.store, former))
        except VacuumError as error:
            self.progress("not_ended", f"what this login replaces is left as it is: {error}")

    def _tell_ended(self, ended: LogoutResult) -> None:
        deleted = ended.registration == "deleted"
        if ended.revoked:
            more = ", and its client deleted" if deleted else ""
            self.progress("revoked", f"the login that this one replaces is revoked{more}")
        elif ended.because and (self.options.force or ended.because != SAME_CLIENT):
            self.progress("not_ended", f"the login that this one replaces is not revoked: {ended.because}")
        if ended.registration == "kept" and ended.registration_because != NEEDED:
            self.progress("not_ended", f"the former client is still registered: {ended.registration_because}")


def _clients(*logins: Credential | None) -> set[str]:
    return {login.client.client_id for login in logins if login is not None and login.client is not None}
