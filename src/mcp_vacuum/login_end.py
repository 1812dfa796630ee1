"""Ending a login at its authorization server: revoke it, and take back what was registered for it.

For a person who logs out, and for a login whose place a newer one has taken.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import AuthenticationError, RecordDamaged, ServerUnavailable, StorageError, UsageError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.protocol.flows import revoke, unregister
from mcp_vacuum.protocol.registration import Deletion
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.renewal import RouteOf, by_environment, policy_of

NEEDED = "another login uses it"
"""Why a registration was kept that nobody has to hear of."""
SAME_CLIENT = "the new one is the same client's, and some servers end all logins of a client with one"
"""Why a replaced login is left alone: Keycloak's revocation ends all that a person granted to a client."""


@dataclass(frozen=True, slots=True)
class LogoutResult:
    """How a login ended at its server.

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


def end_replaced(
    store: CredentialStore, old: Credential, new: Credential, *, route: RouteOf = by_environment
) -> LogoutResult:
    """End a login whose place a newer one has taken, as logging out would.

    Args:
        store: Where the new login is, already.
        old: The record that was replaced.
        new: The record that replaced it. One of the same client leaves the old grant alone.
        route: Which way the requests go.

    Raises:
        StorageError: The store cannot be read.
        UsageError: The proxy or the trusted certificates cannot be used.
    """
    if _same_client(old, new):
        return LogoutResult(False, SAME_CLIENT)
    driver = SyncDriver(policy_of(old), route=route(old))
    nothing = old.ended is not None or old.refresh_token is None
    result = LogoutResult(False) if nothing else revoked(driver, old)
    return end_unused(driver, store, old.client, result)


def end_unused(
    driver: SyncDriver,
    store: CredentialStore,
    client: ClientCredentials | None,
    result: LogoutResult = LogoutResult(False),
) -> LogoutResult:
    """Delete a registration that a newer one has replaced, unless somebody uses it or is about to.

    Raises:
        StorageError: The store cannot be read.
    """
    if client is not None and _awaited(client):
        return replace(result, registration="kept", registration_because=NEEDED)
    return taken_back(driver, store, client, result, keep=False)


def revoked(driver: SyncDriver, credential: Credential) -> LogoutResult:
    """Revoke the refresh token of a login at the endpoint of its record (RFC 7009)."""
    token, client = credential.refresh_token, credential.client
    if credential.grant in MACHINE_GRANTS:
        return LogoutResult(False, "a machine grant leaves nothing behind that could be revoked")
    if token is None or client is None:
        return LogoutResult(False, "there was no refresh token to revoke")
    if credential.revocation_endpoint is None:
        return LogoutResult(False, "the authorization server has no revocation endpoint")
    flow = revoke(credential.revocation_endpoint, client, token, "refresh_token")
    try:
        refusal = driver.run(flow)
    except (ServerUnavailable, AuthenticationError) as error:
        return LogoutResult(False, str(error))
    return LogoutResult(refusal is None, refusal and f"the authorization server answered {refusal}")


def taken_back(
    driver: SyncDriver,
    store: CredentialStore,
    client: ClientCredentials | None,
    result: LogoutResult,
    keep: bool,
) -> LogoutResult:
    """Delete the registration of a login that is over (RFC 7592), unless somebody needs it.

    Raises:
        StorageError: The store cannot be read.
    """
    if client is None or client.issuer is None or client.registration != "dynamic":
        return result
    if keep:
        return replace(result, registration="kept", registration_because="it was to be kept")
    if _still_needed(store, client):
        return replace(result, registration="kept", registration_because=NEEDED)
    deletion = _unregister(driver, store, client, client.issuer)
    outcome: Literal["deleted", "kept"] = "deleted" if deletion.gone else "kept"
    return replace(result, registration=outcome, registration_because=deletion.because)


def readable_registration(store: CredentialStore, issuer: str) -> ClientCredentials | None:
    """Return the registration at an issuer; None if there is none, or it does not open.

    Raises:
        StorageError: The store cannot be read.
    """
    try:
        return store.registration(issuer)
    except RecordDamaged:
        return None


def _same_client(old: Credential, new: Credential) -> bool:
    if old.client is None or new.client is None:
        return False
    return (old.issuer, old.client.client_id) == (new.issuer, new.client.client_id)


def _awaited(client: ClientCredentials) -> bool:
    """True if somebody listens where the client is called back: a login may be under way as this client."""
    for uri in client.redirect_uris:
        try:
            with suppress(UsageError):  # it is elsewhere
                LoopbackListener.for_redirect_uri(uri).close()
        except ServerUnavailable:
            return True
    return False


def _unregister(
    driver: SyncDriver, store: CredentialStore, client: ClientCredentials, issuer: str
) -> Deletion:
    """Forget a registration here, then delete it at the server; what the server keeps is kept here too.

    In this order, because a client that only this machine still knew would send the next login's browser to
    a page that says *unknown client*.
    """
    try:
        kept = readable_registration(store, issuer)
        ours = kept if kept is not None and kept.client_id == client.client_id else None
        if ours is not None:
            store.delete_registration(issuer)
    except StorageError as error:
        return Deletion(False, str(error))
    try:
        deletion = driver.run(unregister(client))
    except (ServerUnavailable, AuthenticationError) as error:
        deletion = Deletion(False, str(error))
    if ours is not None and not deletion.gone:
        with suppress(StorageError):  # then the next login registers anew
            store.put_registration(ours)
    return deletion


def _still_needed(store: CredentialStore, client: ClientCredentials) -> bool:
    """True if another login uses the client; one that does not open now may be one of those."""
    others = [row.key for row in store.index() if row.issuer == client.issuer]
    opened = [login for login in store.logins() if login.issuer == client.issuer]
    return len(opened) < len(others) or any(
        login.client is not None and login.client.client_id == client.client_id for login in opened
    )
