"""TokenManager: valid tokens by server ID, for a configured OAuth2Client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.tokens.policy import MIN_VALIDITY
from mcp_vacuum.tokens.source import LoginTokens, TokenSource
from mcp_vacuum.tokens.stored import stored_tokens

if TYPE_CHECKING:
    from mcp_vacuum.client import ClientSettings
    from mcp_vacuum.storage.secure import BlockingTokenStorage


class ManagedTokens:
    """What both faces of the manager share: one `LoginTokens` for each server ID."""

    def __init__(self, oauth_client: ClientSettings, storage: BlockingTokenStorage) -> None:
        """Take a client, whose binding every record must have, and the storage of its tokens."""
        self.oauth_client = oauth_client
        self.storage = storage
        self._logins: dict[str, LoginTokens] = {}

    def login(self, server_id: str) -> LoginTokens:
        """Return the tokens of one server; opens the store at first use, which may block."""
        login = self._logins.get(server_id)
        if login is None:
            client = self.oauth_client
            login = stored_tokens(
                self.storage.store,
                server_id,
                resource=client.resource,
                client=client.credentials,
                client_binding=client.binding,
            )
            self._logins[server_id] = login
        return login

    def source(self, server_id: str) -> TokenSource:
        """Return a `TokenSource` for `auth=`; the client must have a `resource`."""
        return self.login(server_id)


class TokenManager(ManagedTokens):
    """Automatic token management: from memory when good, else one refresh for everybody who waits.

    It never opens a browser, and never sends a refresh token to any endpoint but the one that it is
    bound to.
    """

    async def get_valid_token(self, server_id: str, min_validity: float = MIN_VALIDITY) -> OAuth2Token:
        """Return a token with enough life in it.

        Args:
            server_id: As given to `SecureTokenStorage.store_token`.
            min_validity: Seconds that it should have left; for short-lived tokens a quarter of their life
                is enough.

        Raises:
            LoginRequired: Nothing is stored, or only a person can go on.
            SecurityRefused: The stored token belongs to another endpoint, client, issuer or resource.
            OAuthError, AuthenticationError: The server's answer, as it came; nothing was cleared.
            ServerUnavailable: Try again later; nothing was cleared.
            StorageError: The store or its key cannot be used.
        """
        login = self._logins.get(server_id)
        if login is None:
            login = await anyio.to_thread.run_sync(self.login, server_id)
        held = login.at_hand(min_validity) or await login.obtain_async(min_validity)
        return held.token
