"""Logging out: revoke, forget, and take back what was registered."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import AuthenticationError, RecordDamaged, ServerUnavailable, StorageError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.protocol.flows import revoke, unregister
from mcp_vacuum.protocol.registration import Deletion
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, RouteOf, by_environment, policy_of


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
    store: CredentialStore,
    credential: Credential,
    *,
    keep_registration: bool = False,
    route: RouteOf = by_environment,
) -> LogoutResult:
    """End a login: revoke its refresh token (RFC 7009), forget it, and take back what was registered for it.

    Args:
        store: Where the login is.
        credential: The login.
        keep_registration: Leave a dynamic registration as it is, for the next login. It is left in any case
            while another login needs it.
        route: Which way the requests go.

    Raises:
        StorageError: It could not be forgotten.
    """
    driver = SyncDriver(policy_of(credential), route=route(credential))
    result = _revoke(driver, credential)
    with store.lease(credential.server, credential.account, LEASE_TIMEOUT):
        store.delete(credential.server, credential.account)
    ACCESS_TOKENS.forget((store.location, credential.server, credential.account))
    return _taken_back(driver, store, credential, result, keep_registration)


def _taken_back(
    driver: SyncDriver, store: CredentialStore, credential: Credential, result: LogoutResult, keep: bool
) -> LogoutResult:
    """Delete the registration of a login that is over (RFC 7592), unless somebody needs it."""
    client = credential.client
    if client is None or client.issuer is None or client.registration != "dynamic":
        return result
    if keep:
        return replace(result, registration="kept", registration_because="it was to be kept")
    if _still_needed(store, client):
        return replace(result, registration="kept", registration_because="another login uses it")
    deletion = _unregister(driver, store, client, client.issuer)
    outcome: Literal["deleted", "kept"] = "deleted" if deletion.gone else "kept"
    return replace(result, registration=outcome, registration_because=deletion.because)


def _unregister(
    driver: SyncDriver, store: CredentialStore, client: ClientCredentials, issuer: str
) -> Deletion:
    """Forget a registration here, then delete it at the server; what the server keeps is kept here too.

    In this order, because a client that only this machine still knew would send the next login's browser to
    a page that says *unknown client*.
    """
    try:
        kept = _readable_registration(store, issuer)
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


def _readable_registration(store: CredentialStore, issuer: str) -> ClientCredentials | None:
    try:
        return store.registration(issuer)
    except RecordDamaged:
        return None


def _revoke(driver: SyncDriver, credential: Credential) -> LogoutResult:
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
