"""As which client a login is made, and where its redirect arrives.

The order: pre-registered, client ID metadata document, registered earlier, registered now, else ask.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mcp_vacuum.client import LOOPBACK_REDIRECT
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import RegistrationError, ServerUnavailable, UsageError
from mcp_vacuum.login_attempt import LoginAttempt
from mcp_vacuum.login_end import readable_registration
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.assertion import with_signing_alg
from mcp_vacuum.protocol.client_auth import SIGNED_METHODS, choose_method, performable
from mcp_vacuum.protocol.device import DEVICE_CODE
from mcp_vacuum.protocol.discovery import AuthServer, Discovery
from mcp_vacuum.protocol.flows import register
from mcp_vacuum.protocol.registration import CODE_GRANTS
from mcp_vacuum.safety.url import check_endpoint, check_redirect_uri, host_of, printable

STALE_CLIENT = "registration_stale"


class CallersCallback(LoopbackListener):
    """The redirect arrives at a callback of the program's own: nothing is bound here."""

    def __init__(self, redirect_uri: str) -> None:
        """Take the redirect URI as it is; it need not be on loopback.

        Raises:
            SecurityRefused: It is neither https nor http on loopback, so a code would come back in the clear.
        """
        self.redirect_uri: str = check_redirect_uri(redirect_uri)

    def close(self) -> None:
        """Nothing was opened."""


@dataclass(frozen=True, slots=True)
class ClientChoice:
    """Chooses for one login at the authorization server that was found."""

    attempt: LoginAttempt
    found: Discovery

    def for_browser(self) -> tuple[ClientCredentials, LoopbackListener]:
        """Return the client, and the listener at its redirect URI.

        Raises:
            RegistrationError: There is none, or it is another issuer's.
            ServerUnavailable: The port that its redirect URI names is in use; or the server is.
            UsageError: The redirect URI is not on loopback.
        """
        given = self._given()
        if given is not None:
            self.attempt.progress("client", f"pre-registered client {given.client_id}")
            return given, self._listen(given)
        kept = self._kept_registration()
        listener = self._listen_again(kept) if kept else None
        if kept is None or listener is None:
            return self._register()
        self.attempt.progress("client", f"client {kept.client_id}, registered earlier")
        return kept, listener

    def for_device(self) -> ClientCredentials:
        """Return the client of a login on another device (RFC 8628), which needs no redirect.

        Raises:
            RegistrationError: See `for_browser`.
        """
        given = self._given()
        return given or self._registered((LOOPBACK_REDIRECT,), (DEVICE_CODE, "refresh_token"))

    def _given(self) -> ClientCredentials | None:
        """Return the client that nobody has to register: a pre-registered one, or a metadata document."""
        server, options, old = self.found.auth_server, self.attempt.options, self.attempt.old
        client = _of_issuer(options.client, server.issuer)
        if client is None and old and old.issuer == server.issuer and old.client:
            client = old.client if old.client.registration == "preregistered" else None
        if client is not None:
            remembered = tuple(_at_port(uri, options.callback_port) for uri in client.redirect_uris)
            uris = (options.redirect_uri,) if options.redirect_uri else remembered
            bound = replace(
                client,
                issuer=server.issuer,
                token_endpoint_auth_method=method_of(client, server),
                redirect_uris=uris,
            )
            return with_signing_alg(bound, server.signing_algorithms)
        if options.client_metadata_url and server.metadata_documents:
            return ClientCredentials(
                client_id=options.client_metadata_url, issuer=server.issuer, registration="metadata_document"
            )
        return None

    def _kept_registration(self) -> ClientCredentials | None:
        options, old = self.attempt.options, self.attempt.old
        # One that does not open makes room for a new one, and the store sets it aside.
        kept = readable_registration(self.attempt.store, self.found.auth_server.issuer)
        anew = options.force and not options.keep_client
        if kept is None or anew or not kept.redirect_uris:
            return None
        if old and old.ended == STALE_CLIENT and old.client and old.client.client_id == kept.client_id:
            return None
        if 0 < kept.client_secret_expires_at < time.time() + 60:
            return None
        return kept if _fitting(options.redirect_uri, kept.redirect_uris) else None

    def _listen_again(self, kept: ClientCredentials) -> LoopbackListener | None:
        """Listen where a registered client is called back; None, and a note, where that is not to be."""
        options, tell = self.attempt.options, self.attempt.progress
        if _fitting(options.redirect_uri, kept.redirect_uris, options.callback_port) is None:
            port = options.callback_port
            tell("port_given", f"the remembered callback port is not {port}; registering anew")
            return None
        try:
            return self._listen(kept)
        except ServerUnavailable:
            tell("port_in_use", "the remembered callback port is in use; registering anew")
            return None

    def _listen(self, client: ClientCredentials | None = None) -> LoopbackListener:
        options = self.attempt.options
        registered = client.redirect_uris if client else ()
        uri = _fitting(options.redirect_uri, registered, options.callback_port) or options.redirect_uri
        if uri is not None and options.own_callback:
            return CallersCallback(uri)
        if uri is not None:
            return LoopbackListener.for_redirect_uri(uri, options.callback_port)
        return LoopbackListener(port=options.callback_port)

    def _register(self) -> tuple[ClientCredentials, LoopbackListener]:
        attempt, listener = self.attempt, self._listen()
        try:
            client = self._registered((listener.redirect_uri,), CODE_GRANTS)
            attempt.replaced_client = readable_registration(attempt.store, self.found.auth_server.issuer)
            attempt.store.put_registration(client)
        except BaseException:
            listener.close()
            raise
        return client, listener

    def _registered(self, redirect_uris: tuple[str, ...], grant_types: tuple[str, ...]) -> ClientCredentials:
        attempt, server = self.attempt, self.found.auth_server
        if server.registration_endpoint is None:
            raise RegistrationError(
                f"{server.issuer} registers no clients by itself",
                hint=f"get a client ID from its operator: mcp-vacuum login {attempt.server} --client-id ID",
                spec="MCP authorization, Client Registration",
                url=server.issuer,
            )
        flow = register(
            server.registration_endpoint,
            name=host_of(attempt.server),
            redirect_uris=redirect_uris,
            scope=attempt.scope(self.found),
            issuer=server.issuer,
            auth_method=self._method_to_register(),
            grant_types=grant_types,
            about=attempt.options.client_metadata,
        )
        client = SyncDriver(attempt.policy).run(flow)
        attempt.progress("registered", f"registered as client {client.client_id}")
        return client

    def _method_to_register(self) -> AuthMethod:
        """The caller's own choice where the server takes it, else ours."""
        listed = self.found.auth_server.auth_methods
        wanted = performable(str(self.attempt.options.client_metadata.get("token_endpoint_auth_method")))
        taken = wanted is not None and wanted not in SIGNED_METHODS
        if wanted is not None and taken and wanted in (listed or (wanted,)):
            return wanted
        return choose_method(listed, has_secret=False)


def _fitting(wanted: str | None, registered: tuple[str, ...], port: int = 0) -> str | None:
    """Return the registered redirect URI to use: the wanted one, its port left open or not.

    Args:
        wanted: An exact redirect URI, or one without a port; any of the registered ones if absent.
        registered: As the server knows them.
        port: The port that it has to have; 0 for any.
    """
    if wanted in registered:
        registered = (wanted,)
    elif wanted is not None:
        registered = tuple(uri for uri in registered if _without_port(uri) == wanted)
    return next((uri for uri in registered if uri == _at_port(uri, port) or not urlsplit(uri).port), None)


def _at_port(uri: str, port: int) -> str:
    """Return a redirect URI with another port; 0 leaves it as it is."""
    parts = urlsplit(_without_port(uri))
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl() if port else uri


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


def check_metadata_url(url: str | None) -> None:
    """A client ID metadata document has an https URL with a path (loopback may be http).

    Raises:
        SecurityRefused: It is not https. `UsageError`: It has no path.
    """
    if url is None:
        return
    check_endpoint(url, "the client metadata URL", spec="CIMD §3")
    if urlsplit(url).path in ("", "/"):
        raise UsageError(f"{printable(url)} has no path, which a client metadata URL needs", spec="CIMD §3")


def method_of(client: ClientCredentials, server: AuthServer) -> AuthMethod:
    """How a pre-registered client authenticates: by its key, as it says, by its secret, or not at all."""
    if client.private_key is not None:
        return "private_key_jwt"
    if client.client_secret is not None and client.token_endpoint_auth_method != "none":
        return client.token_endpoint_auth_method
    if client.client_secret is None:
        return "none"
    return choose_method(server.auth_methods, has_secret=True)
