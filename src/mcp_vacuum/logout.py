"""Logging out: revoke, forget, and take back what was registered."""

from __future__ import annotations

from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.login_end import LogoutResult, revoked, taken_back
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, RouteOf, by_environment, policy_of

__all__ = ["LogoutResult", "logout_blocking"]


def logout_blocking(
    store: CredentialStore,
    credential: Credential,
    *,
    keep_registration: bool = False,
    route: RouteOf = by_environment,
) -> LogoutResult:
    """End a login: revoke its refresh token (RFC 7009), forget it, and take back what was registered for it.

    The login is gone from this machine in any case.

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
    result = revoked(driver, credential)
    with store.lease(credential.server, credential.account, LEASE_TIMEOUT):
        store.delete(credential.server, credential.account)
    ACCESS_TOKENS.forget((store.location, credential.server, credential.account))
    return taken_back(driver, store, credential.client, result, keep_registration)
