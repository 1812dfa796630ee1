"""Taking over a login that another program made."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.errors import LoginRequired
from mcp_vacuum.login_attempt import LoginAttempt
from mcp_vacuum.login_client import method_of
from mcp_vacuum.login_options import Helpers, LoginOptions, LoginResult, ResourceCheck
from mcp_vacuum.models import ClientCredentials, OAuth2Token
from mcp_vacuum.protocol.discovery import NotRequired, Probe, same_but_root_slash
from mcp_vacuum.protocol.quirks import check_quirks
from mcp_vacuum.safety.url import normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore


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
    helpers = Helpers(greeting=greeting, check_resource=check_resource)
    attempt = LoginAttempt(server, options, store, helpers)
    found = attempt.discover()
    if isinstance(found, NotRequired):
        return LoginResult("not_required", server)
    issuer = found.auth_server.issuer
    if client.issuer is not None and not same_but_root_slash(client.issuer, issuer):
        raise LoginRequired(
            server,
            f"its authorization server is {issuer} now; nothing of the login at {client.issuer} was sent",
            account=options.account,
            spec="MCP authorization, Authorization Server Migration",
        )
    method = method_of(client, found.auth_server)
    bound = replace(client, issuer=issuer, token_endpoint_auth_method=method)
    if bound.registration == "dynamic":
        store.put_registration(bound)
    return attempt.keep(found, bound, next(iter(bound.redirect_uris), None), token)
