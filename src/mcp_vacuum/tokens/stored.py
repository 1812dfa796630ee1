"""From what a person types to a stored login and its TokenSource."""

from __future__ import annotations

from mcp_vacuum.errors import LoginRequired
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential
from mcp_vacuum.safety.url import normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore, open_store
from mcp_vacuum.tokens.source import LoginTokens


def find_login(store: CredentialStore | None, name: str, account: str = DEFAULT_ACCOUNT) -> Credential:
    """Return the login that `name` means: a server URL in any spelling, an alias, or a host name.

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
        hint = "mcp-vacuum list shows the logins; a new one needs the URL: mcp-vacuum login URL"
    return LoginRequired(name, reason, account=account, hint=hint)


def login_tokens(store: CredentialStore, credential: Credential) -> LoginTokens:
    """Return the tokens of a stored login, bound to its resource."""
    resource = credential.resource or (credential.server if "://" in credential.server else None)
    return LoginTokens(store, credential.server, credential.account, resource=resource)


def token_source(name: str, account: str = DEFAULT_ACCOUNT) -> LoginTokens:
    """Return the TokenSource of a login in the user's vault; blocks while the vault is opened.

    Raises:
        LoginRequired, UsageError, StorageError: See `find_login`.
    """
    store = open_store(create=False)
    credential = find_login(store, name, account)
    assert store is not None  # find_login() found something in it
    return login_tokens(store, credential)
