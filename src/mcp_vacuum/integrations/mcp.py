"""A drop-in for the MCP SDK's `OAuthClientProvider`: change the import, keep the rest.

```python
from mcp_vacuum.integrations.mcp import OAuthClientProvider  # was: from mcp.client.auth import …
```

It is an adapter above `InteractiveSource`: this package does the authorization, the SDK's types stay at the
door. The SDK's `TokenStorage` is read for import and given back what a restart needs.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

import httpx2
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import LoginRequired, StorageError, UsageError
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.integrations.interactive import InteractiveSource, Wish
from mcp_vacuum.integrations.waiting import Abandoned, Waiting
from mcp_vacuum.login import LoginOptions, ResourceCheck, Ways
from mcp_vacuum.login_import import import_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.client_auth import performable
from mcp_vacuum.protocol.discovery import Probe
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.safety.secret import wrapped
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.lease import lease_path, locked
from mcp_vacuum.storage.secure import credential_of
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, Renewal
from mcp_vacuum.tokens.source import Headers, LoginTokens, Rejection, scope_required

if TYPE_CHECKING:
    from mcp.client.auth import TokenStorage

RedirectHandler = Callable[[str], Awaitable[None]]
CallbackHandler = Callable[[], Awaitable[AuthorizationCodeResult]]
ResourceValidator = Callable[[str, str | None], Awaitable[None]]

_LOG = logging.getLogger("mcp_vacuum")
_TRIES = 3
"""How often a request joins a login again that the requests before it gave up."""


class DropIn(VacuumAuth):
    """What the drop-ins for the MCP SDK and for FastMCP share: `auth=` for an `httpx2.AsyncClient`."""

    requires_response_body = False

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Refuse: handlers and storages of the SDK are `async`.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "this provider is for httpx2.AsyncClient", hint="VacuumAuth works for httpx2.Client as well"
        )


class OAuthClientProvider(DropIn):
    """OAuth 2.1 for one MCP server, with the signature of `mcp.client.auth.OAuthClientProvider`.

    A person is asked only where both handlers were given, once for all requests that wait, in the event loop
    of one of them; without handlers `LoginRequired` is raised. No lock is held during a request, and one
    provider serves any number of event loops. Errors are this package's (`mcp_vacuum.errors`).
    """

    def __init__(
        self,
        server_url: str,
        client_metadata: OAuthClientMetadata,
        storage: TokenStorage,
        redirect_handler: RedirectHandler | None = None,
        callback_handler: CallbackHandler | None = None,
        client_metadata_url: str | None = None,
        validate_resource_url: ResourceValidator | None = None,
        *,
        persist_access_token: bool = False,
        account: str = DEFAULT_ACCOUNT,
        store: CredentialStore | None = None,
        quirks: tuple[str, ...] = (),
        legacy: bool = False,
        allow_private_network: bool = False,
    ) -> None:
        """Open nothing yet. The first seven arguments are the SDK's.

        Args:
            server_url: The MCP server.
            client_metadata: What a registration says. The redirect URI is the first one, exactly.
            storage: Read for import; given the refresh token and the client after each change.
            redirect_handler: Sends a person to a URL.
            callback_handler: Waits for the redirect and returns its parameters.
            client_metadata_url: A client ID metadata document, used where the server takes them.
            validate_resource_url: Judges the resource in the server's metadata instead of our own check:
                called with the server URL and the resource (None without metadata); an exception refuses.
            persist_access_token: Give the storage the access token too. Without it the place is empty.
            account: One of several logins to the same server in `store`.
            store: Where logins are kept, `open_store()` for the vault; memory if absent.
            quirks: Named deviations of the server to tolerate.
            legacy: Take the 2025-03-26 shape where the server has no metadata.
            allow_private_network: The server may point to private addresses.

        Raises:
            ValueError: `client_metadata_url` is no https URL with a path.
            UsageError: Handlers were given and no redirect URI, or the URL makes no sense.
        """
        _check_metadata_url(client_metadata_url)
        waiting = Waiting()
        ways: Ways | None = None
        redirect_uri = None
        if redirect_handler is not None and callback_handler is not None:
            redirect_uri = _first_redirect_uri(client_metadata)
            ways = _ways_by_handlers(waiting, redirect_handler, callback_handler)
        options = LoginOptions(
            account=account,
            scope=tuple((client_metadata.scope or "").split()),
            client_metadata=described(client_metadata),
            client_metadata_url=client_metadata_url,
            redirect_uri=redirect_uri,
            own_callback=redirect_uri is not None,
            quirks=quirks,
            legacy=legacy,
            allow_private_network=allow_private_network,
            keep_client=True,
        )
        kept = KeptElsewhere(storage, waiting, client_metadata, persist_access_token=persist_access_token)
        check = _resource_check(waiting, server_url, validate_resource_url)
        super().__init__(
            DropInSource(server_url, options, waiting, kept, store=store, ways=ways, check_resource=check),
            account,
        )


# --- the source -------------------------------------------------------------------------------------------


class DropInSource(InteractiveSource):
    """An `InteractiveSource` whose logins are kept in a foreign storage as well."""

    def __init__(
        self,
        server_url: str,
        options: LoginOptions,
        waiting: Waiting,
        kept: KeptElsewhere,
        *,
        store: CredentialStore | None,
        ways: Ways | None,
        check_resource: ResourceCheck | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            server_url: The MCP server.
            options: For each login.
            waiting: The requests that wait.
            kept: The foreign storage.
            store: Where logins are kept; in memory if absent.
            ways: Who says yes; None where nobody may be asked.
            check_resource: Judges the resource of the server instead of our own check.
        """
        super().__init__(
            server_url, options, store=store, ways=ways or _nobody, check_resource=check_resource
        )
        self._may_ask = ways is not None
        self._waiting = waiting
        self._kept = kept
        self._own_store = store is None

    async def headers(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers`."""
        with self._waiting.here():
            return await super().headers(method, url, refused=refused)

    async def after(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """See `TokenSource.after`; without handlers it raises `LoginRequired`."""
        with self._waiting.here():
            return await super().after(method, url, rejection)

    async def _logged_in(self, wish: Wish) -> None:
        with _clock_stopped() if self._may_ask else nullcontext():
            for _ in range(_TRIES):
                with suppress(Abandoned):
                    await super()._logged_in(wish)
                    return
            await super()._logged_in(wish)

    def _log_in(self, wish: Wish) -> None:
        """Import what the foreign storage has; ask a person where that does not do."""
        foreign = self._kept.read()
        if self._stored() is None and self._imported(foreign, wish.greeting):
            return
        if not self._may_ask:
            raise self._login_required(wish)
        self._log_in_as(foreign.client, wish)
        self._give_back()

    def _log_in_as(self, known: OAuthClientInformationFull | None, wish: Wish) -> None:
        """Log in, with the client that the foreign storage knows if it knows one."""
        client = client_of(known, self.options) if known is not None else None
        options = self.options
        if client is not None and client.registration != "dynamic":
            options = replace(options, client=options.client or client)
        elif client is not None and client.issuer and self.store.registration(client.issuer) is None:
            self.store.put_registration(client)
        self._log_in_with(options, wish)

    def _imported(self, foreign: Foreign, greeting: Probe) -> bool:
        if foreign.tokens is None or foreign.client is None:
            return False
        if not foreign.tokens.refresh_token and not foreign.tokens.access_token:
            return False
        try:
            import_blocking(
                self.server,
                self.options,
                client_of(foreign.client, self.options),
                _token_of(foreign.tokens),
                store=self.store,
                greeting=greeting,
                check_resource=self._check_resource,
            )
        except LoginRequired as moved:
            _LOG.warning("the stored login of %s is not used: %s", self.server, moved.reason)
            return False
        self._kept.learn(foreign.tokens.refresh_token)
        self._give_back()
        return True

    def _login_required(self, wish: Wish) -> LoginRequired:
        if wish.step_up:
            return scope_required(self.server, self.account, " ".join(wish.scope))
        reason = "its login has ended" if wish.force else "no login is stored"
        return LoginRequired(self.server, reason, account=self.account)

    # --- refreshes ------------------------------------------------------------------------------------

    def _tokens_of(self, credential: Credential) -> LoginTokens:
        # Where the caller's own check let another resource pass, tokens go to the server that was asked for.
        resource = (self._check_resource is None and credential.resource) or self.server
        place = (self.store.location, self.server, self.account)
        return LoginTokens(place, self._renew, resource=resource)

    def _renew(self, min_validity: float, rejected: int | None) -> Held:
        """Refresh, one process after the other; the foreign storage is read before and written after."""
        renewal = Renewal(
            store=self.store,
            server=self.server,
            account=self.account,
            rejected=rejected,
            min_validity=min_validity,
        )
        with _one_process_at_a_time(self.server, self.account):
            self._take_over()
            try:
                held = renewal.run()
            except LoginRequired:  # somebody may have been faster: read once more before giving up
                if not self._take_over():
                    raise
                held = renewal.run()
            self._give_back()
            return held

    def _take_over(self) -> bool:
        """Go on with a refresh token that another process brought to the foreign storage."""
        if not self._own_store:
            return False  # the store is shared by itself, and newer than any copy
        foreign, credential = self._kept.read(), self._stored()
        if credential is None or foreign.tokens is None or not self._kept.is_news(foreign.tokens):
            return False
        info = foreign.client
        if info is not None and info.issuer and info.issuer != credential.issuer:
            return False
        with self.store.lease(self.server, self.account, LEASE_TIMEOUT):
            taken = credential_of(self.server, _token_of(foreign.tokens), credential)
            if info is not None and credential.client and info.client_id != credential.client.client_id:
                client = replace(client_of(info, self.options), issuer=credential.issuer)
                taken = replace(taken, client=client)
            self.store.put(taken, expected_generation=credential.generation)
        self._kept.learn(foreign.tokens.refresh_token)
        return True

    def _give_back(self) -> None:
        credential = self._stored()
        if credential is not None:
            held = ACCESS_TOKENS.get((self.store.location, self.server, self.account))
            self._kept.write(credential, held)


# --- the foreign storage ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a foreign storage holds."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None


class KeptElsewhere:
    """A `TokenStorage` of the SDK's shape; its methods run in the event loops of waiting requests."""

    def __init__(
        self,
        storage: TokenStorage | None,
        waiting: Waiting,
        metadata: OAuthClientMetadata,
        *,
        persist_access_token: bool,
    ) -> None:
        """Read nothing yet.

        Args:
            storage: The caller's; None keeps nothing there.
            waiting: The requests whose event loops it is used in.
            metadata: What was asked for in a registration, written beside the client.
            persist_access_token: Write access tokens too.
        """
        self._storage = storage
        self._waiting = waiting
        self._metadata = metadata
        self._persist = persist_access_token
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._client: tuple[str, str | None] | None = None
        self._written: tuple[int, str | None] | None = None

    def read(self) -> Foreign:
        """Return what is there; blocks. Errors of the storage are the caller's own."""
        storage = self._storage
        if storage is None:
            return Foreign()

        async def read() -> Foreign:
            return Foreign(await storage.get_tokens(), await storage.get_client_info())

        found = self._waiting.store(read)
        if found.client is not None:
            self._client = (found.client.client_id, found.client.issuer)
        return found

    def learn(self, refresh_token: str | None) -> None:
        """Remember a refresh token as one that this provider has had."""
        if refresh_token:
            with self._lock:
                self._known.add(refresh_token)

    def is_news(self, tokens: OAuthToken) -> bool:
        """The storage holds a refresh token that this provider never had: somebody else refreshed."""
        with self._lock:
            return bool(tokens.refresh_token) and tokens.refresh_token not in self._known

    def write(self, credential: Credential, held: Held | None) -> None:
        """Give back refresh token and client; blocks. A storage that fails does not take the token away."""
        storage = self._storage
        if storage is None:
            return
        if credential.dpop_key is not None:
            _LOG.warning("a TokenStorage cannot keep a DPoP key: give %s a store=", credential.server)
            return
        tokens = self._tokens(credential, held)
        if self._written == (credential.generation, tokens.refresh_token):
            return
        client = self._client_to_write(credential)
        self.learn(tokens.refresh_token)

        async def write() -> None:
            if client is not None:
                await storage.set_client_info(client)
            await storage.set_tokens(tokens)

        try:
            self._waiting.store(write)
            self._written = (credential.generation, tokens.refresh_token)
        except Exception as error:  # noqa: BLE001 - whatever the caller's storage raises
            self._client = None
            _LOG.warning("the storage did not take the login of %s: %r", credential.server, error)

    def _tokens(self, credential: Credential, held: Held | None) -> OAuthToken:
        refresh_token = credential.refresh_token.reveal() if credential.refresh_token else None
        tokens = OAuthToken(access_token="", scope=credential.scope, refresh_token=refresh_token)
        if self._persist and held is not None and held.generation == credential.generation:
            tokens.access_token = held.token.access_token
            tokens.expires_in = max(0, int(held.left()))
        return tokens

    def _client_to_write(self, credential: Credential) -> OAuthClientInformationFull | None:
        """The client with its issuer, if the storage does not have it like that yet."""
        client = credential.client
        if client is None or self._client == (client.client_id, client.issuer):
            return None
        self._client = (client.client_id, client.issuer)
        asked = self._metadata.model_dump(exclude_none=True, exclude=set(_ANSWERED))
        return OAuthClientInformationFull.model_validate(
            asked
            | {
                "client_id": client.client_id,
                "client_secret": client.client_secret.reveal() if client.client_secret else None,
                "client_secret_expires_at": client.client_secret_expires_at or None,
                # Tells a registration of ours from a client that somebody entered by hand.
                "client_id_issued_at": int(time.time()) if client.registration == "dynamic" else None,
                "redirect_uris": list(client.redirect_uris) or None,
                "token_endpoint_auth_method": client.token_endpoint_auth_method,
                "issuer": client.issuer,
            }
        )


_ANSWERED = ("redirect_uris", "token_endpoint_auth_method")


def client_of(info: OAuthClientInformationFull, options: LoginOptions) -> ClientCredentials:
    """Return a client in our terms; its record says when it was issued, or somebody entered it by hand."""
    uris = tuple(str(uri) for uri in info.redirect_uris or ())
    if options.redirect_uri and options.own_callback and not uris:
        uris = (options.redirect_uri,)
    secret = info.client_secret
    # "none" beside a secret: the login chooses what the server takes.
    method = (secret and performable(info.token_endpoint_auth_method or "")) or "none"
    common = ClientCredentials(
        client_id=info.client_id,
        client_secret=wrapped(secret),
        issuer=info.issuer,
        redirect_uris=uris,
        token_endpoint_auth_method=method,
        client_secret_expires_at=info.client_secret_expires_at or 0,
    )
    if info.client_id == options.client_metadata_url:
        return replace(common, registration="metadata_document", issuer=None)
    if info.client_id_issued_at is not None and info.issuer is not None:
        return replace(common, registration="dynamic")
    return common


def _token_of(tokens: OAuthToken) -> OAuth2Token:
    """Return a stored token in our terms.

    How old its access token is nobody knows: with a refresh token at hand it is not used at all, and without
    one as long as the server takes it.
    """
    usable = bool(tokens.access_token) and not tokens.refresh_token
    return OAuth2Token(
        access_token=tokens.access_token if usable else "",
        expires_in=max(1, tokens.expires_in or 3600) if usable else 1,
        refresh_token=tokens.refresh_token,
        scope=tokens.scope,
        created_at=time.time() if usable else 0.0,
    )


@contextmanager
def _one_process_at_a_time(server: str, account: str) -> Iterator[None]:
    """Keep the drop-ins of this user on this machine from refreshing one login at the same time.

    A `TokenStorage` has no lock. Where the file cannot be made, they go on without one.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"mcp-vacuum-{user}"
    path = lease_path(folder, RecordKey("login", server, account))
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, LEASE_TIMEOUT, f"refreshing {server}"))
        except StorageError as error:
            _LOG.warning("refreshing %s without a lock: %s", server, error)
        yield


# --- the handlers -----------------------------------------------------------------------------------------


class _ByHandlers:
    """A person whom the program reaches by its own two handlers."""

    def __init__(self, waiting: Waiting, redirect: RedirectHandler, callback: CallbackHandler) -> None:
        self._waiting = waiting
        self._redirect = redirect
        self._callback = callback

    def visit(self, authorize: Authorize) -> str:
        """See `drivers.aio.Person`. What comes back is a redirect URL again, to be checked like any other."""

        async def ask() -> AuthorizationCodeResult:
            await self._redirect(authorize.url)
            return await self._callback()

        result = self._waiting.ask(ask)
        answered = {"code": result.code, "state": result.state, "iss": result.iss}
        query = urlencode({name: value for name, value in answered.items() if value is not None})
        return f"{authorize.redirect_uri}{'&' if '?' in authorize.redirect_uri else '?'}{query}"


class WhileWaitedFor:
    """Another person, asked only as long as a request waits for it."""

    def __init__(self, person: Person, waiting: Waiting) -> None:
        """Take somebody who blocks."""
        self._person = person
        self._waiting = waiting

    def visit(self, authorize: Authorize) -> str:
        """See `drivers.aio.Person`."""
        future: Future[str] = Future()
        threading.Thread(target=self._visit, args=(authorize, future), daemon=True).start()
        return self._waiting.watch(future)

    def _visit(self, authorize: Authorize, future: Future[str]) -> None:
        try:
            answer = self._person.visit(authorize)
        except BaseException as error:  # noqa: BLE001 - the login's to judge
            if not future.cancelled():
                future.set_exception(error)
        else:
            if not future.cancelled():
                future.set_result(answer)


def _ways_by_handlers(waiting: Waiting, redirect: RedirectHandler, callback: CallbackHandler) -> Ways:
    return lambda _listener, _timeout: _ByHandlers(waiting, redirect, callback)


def _nobody(_listener: LoopbackListener, _timeout: float) -> NoReturn:
    raise AssertionError("nobody may be asked")


def _resource_check(
    waiting: Waiting, server_url: str, validate: ResourceValidator | None
) -> ResourceCheck | None:
    if validate is None:
        return None

    def check(_server: str, stated: str | None) -> None:
        async def ask() -> None:
            await validate(server_url, stated)

        waiting.ask(ask)

    return check


def _clock_stopped() -> AbstractContextManager[None]:
    """Stop the SDK's timeout of the waiting request while a person thinks, as the SDK itself does."""
    try:
        from mcp.shared._request_clock import waiting_on_a_person
    except ImportError:
        return nullcontext()
    return waiting_on_a_person()


# --- what the caller says about the client ----------------------------------------------------------------


def described(metadata: OAuthClientMetadata) -> dict[str, Any]:
    """Return the members of a registration that the caller gave."""
    members = metadata.model_dump(mode="json", exclude_none=True, exclude={"scope", "redirect_uris"})
    if "application_type" not in metadata.model_fields_set:
        members.pop("application_type", None)
    return members


def _first_redirect_uri(metadata: OAuthClientMetadata) -> str:
    if not metadata.redirect_uris:
        raise UsageError("the handlers need a redirect URI: client_metadata.redirect_uris names none")
    return str(metadata.redirect_uris[0])


def _check_metadata_url(url: str | None) -> None:
    from mcp.client.auth.utils import is_valid_client_metadata_url

    if url is not None and not is_valid_client_metadata_url(url):
        raise ValueError(
            f"client_metadata_url must be a valid HTTPS URL with a non-root pathname, got: {url}"
        )
