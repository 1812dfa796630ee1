"""From what a person types to a stored login, and to its tokens, refreshed by this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_vacuum.errors import LoginRequired
from mcp_vacuum.models import DEFAULT_ACCOUNT, Binding, ClientCredentials, Credential
from mcp_vacuum.safety.url import likely_url, normalise_server_url
from mcp_vacuum.storage.access import Held
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.source import LoginTokens

if TYPE_CHECKING:
    from mcp_vacuum.tokens.renewal import RouteOf


def find_login(store: CredentialStore | None, name: str, account: str = DEFAULT_ACCOUNT) -> Credential:
    """Return the login that `name` means: a server URL in any spelling, an alias, or a host name.

    The scheme of a URL may be left out where only one stored server fits.

    Raises:
        LoginRequired: There is none.
        UsageError: Several could be meant, or a URL is malformed.
        StorageError: The store cannot be read.
    """
    url = normalise_server_url(name) if "://" in name else None
    if store is None:
        raise LoginRequired(url or name, "no login is stored", account=account)
    if url is not None:
        found = store.get(url, account)
    else:
        found = store.find(name)
        if found is not None and account not in (DEFAULT_ACCOUNT, found.account):
            found = store.get(found.server, account)
    if found is None:
        raise _none(store, url or name, account)
    return found


def _none(store: CredentialStore, name: str, account: str) -> LoginRequired:
    others = [row.key.account for row in store.index() if row.key.name == name]
    reason = f"no login for account {account!r}" if others else "no login is stored"
    hint = f"known accounts: {', '.join(others)} (--account NAME)" if others else None
    if hint is None and "://" not in name:
        url = likely_url(name)
        new = f"a new one: mcp-vacuum login {url}" if url else "a new one needs the URL: mcp-vacuum login URL"
        hint = f"mcp-vacuum list shows the logins; {new}"
    return LoginRequired(name, reason, account=account, hint=hint)


def login_tokens(store: CredentialStore, credential: Credential, route: RouteOf | None = None) -> LoginTokens:
    """Return the tokens of a stored login, bound to its resource; see `stored_tokens`."""
    return stored_tokens(
        store, credential.server, credential.account, resource=resource_of(credential), route=route
    )


def resource_of(credential: Credential) -> str | None:
    """Return what the tokens of a login may be sent to; None for a name that is no URL."""
    return credential.resource or (credential.server if "://" in credential.server else None)


def stored_tokens(
    store: CredentialStore,
    server: str,
    account: str = DEFAULT_ACCOUNT,
    *,
    resource: str | None = None,
    client: ClientCredentials | None = None,
    client_binding: Binding | None = None,
    route: RouteOf | None = None,
) -> LoginTokens:
    """Return the tokens of a login that this process refreshes itself.

    Args:
        store: Where the login is.
        server: The name that the login is kept under.
        account: One of several logins of that server.
        resource: What its tokens may be sent to; without one there are tokens but no headers.
        client: The caller's own client, used instead of the stored one.
        client_binding: Its binding; a record that is bound to anything else is refused.
        route: Which way a refresh goes; the environment decides if absent.
    """

    def renew(min_validity: float, rejected: int | None) -> Held:
        from mcp_vacuum.tokens.renewal import Renewal, by_environment

        return Renewal(
            store=store,
            server=server,
            account=account,
            client=client,
            client_binding=client_binding,
            rejected=rejected,
            min_validity=min_validity,
            route=route or by_environment,
        ).run()

    place = (store.location, server, account)
    return LoginTokens(place, renew, resource=resource, client_binding=client_binding)
