"""The same class names, blocking. A test keeps both faces alike."""

from __future__ import annotations

from mcp_vacuum.client import ClientSettings, RegistrationFlow
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.login import login_blocking as login
from mcp_vacuum.models import ClientCredentials, MCPServerInfo, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of
from mcp_vacuum.storage.secure import BlockingTokenStorage
from mcp_vacuum.tokens.manager import ManagedTokens
from mcp_vacuum.tokens.policy import MIN_VALIDITY

__all__ = ["DynamicClientRegistration", "OAuth2Client", "SecureTokenStorage", "TokenManager", "login"]


class OAuth2Client(ClientSettings):
    """See `mcp_vacuum.OAuth2Client`."""

    def exchange(self, callback_url: str, request: AuthorizationRequest) -> OAuth2Token:
        """See `mcp_vacuum.OAuth2Client.exchange`."""
        return SyncDriver(self.policy).run(self._exchange(callback_url, request))

    def refresh(self, token: OAuth2Token) -> OAuth2Token:
        """See `mcp_vacuum.OAuth2Client.refresh`."""
        return SyncDriver(self.policy).run(self._refresh(token))

    def revoke(self, token: OAuth2Token) -> str | None:
        """See `mcp_vacuum.OAuth2Client.revoke`."""
        return SyncDriver(self.policy).run(self._revoke(token))


class DynamicClientRegistration(RegistrationFlow):
    """See `mcp_vacuum.DynamicClientRegistration`."""

    def register_client(
        self,
        registration_endpoint: str,
        server_info: MCPServerInfo,
        *,
        redirect_uris: tuple[str, ...] | None = None,
    ) -> ClientCredentials:
        """See `mcp_vacuum.DynamicClientRegistration.register_client`."""
        policy = NetworkPolicy(host_of(registration_endpoint))
        return SyncDriver(policy).run(self._register(registration_endpoint, server_info, redirect_uris))


class SecureTokenStorage(BlockingTokenStorage):
    """See `mcp_vacuum.SecureTokenStorage`."""

    def store_token(self, server_id: str, token: OAuth2Token) -> None:
        """See `mcp_vacuum.SecureTokenStorage.store_token`."""
        self.put_token(server_id, token)

    def get_token(self, server_id: str) -> OAuth2Token | None:
        """See `mcp_vacuum.SecureTokenStorage.get_token`."""
        return self.read_token(server_id)

    def delete_token(self, server_id: str) -> None:
        """See `mcp_vacuum.SecureTokenStorage.delete_token`."""
        self.drop_token(server_id)


class TokenManager(ManagedTokens):
    """See `mcp_vacuum.TokenManager`."""

    def get_valid_token(self, server_id: str, min_validity: float = MIN_VALIDITY) -> OAuth2Token:
        """See `mcp_vacuum.TokenManager.get_valid_token`."""
        return self.login(server_id).obtain(min_validity).token
