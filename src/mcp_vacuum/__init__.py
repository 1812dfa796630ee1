"""OAuth 2.1 + PKCE for MCP clients: log in once, then every program of yours gets a valid token.

The public names are `__all__`; each is imported when it is first used, so that importing the package
costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_vacuum._version import __version__
    from mcp_vacuum.agent.source import token_source
    from mcp_vacuum.audit.auditor import SecurityAuditor
    from mcp_vacuum.audit.report import SecurityReport
    from mcp_vacuum.client import DynamicClientRegistration, OAuth2Client
    from mcp_vacuum.errors import (
        AuthenticationError,
        LoginRequired,
        RegistrationError,
        SecurityRefused,
        ServerUnavailable,
        StorageError,
        VacuumError,
        WrongAudience,
    )
    from mcp_vacuum.integrations.httpx2 import VacuumAuth
    from mcp_vacuum.integrations.interactive import InteractiveSource, MachineSource
    from mcp_vacuum.login import LoginOptions, LoginResult
    from mcp_vacuum.machine import GrantOptions
    from mcp_vacuum.models import Binding, ClientCredentials, Credential, MCPServerInfo, OAuth2Token
    from mcp_vacuum.protocol.authorization import AuthorizationRequest
    from mcp_vacuum.protocol.effects import Authorize
    from mcp_vacuum.protocol.pkce import PKCEChallenge
    from mcp_vacuum.safety.secret import Secret
    from mcp_vacuum.storage.secure import SecureTokenStorage
    from mcp_vacuum.tokens.ahead import refreshed_ahead
    from mcp_vacuum.tokens.manager import TokenManager
    from mcp_vacuum.tokens.source import TokenSource

_HOMES = {
    "AuthenticationError": "errors",
    "AuthorizationRequest": "protocol.authorization",
    "Authorize": "protocol.effects",
    "Binding": "models",
    "ClientCredentials": "models",
    "Credential": "models",
    "DynamicClientRegistration": "client",
    "GrantOptions": "machine",
    "InteractiveSource": "integrations.interactive",
    "LoginOptions": "login",
    "LoginRequired": "errors",
    "LoginResult": "login",
    "MCPServerInfo": "models",
    "MachineSource": "integrations.interactive",
    "OAuth2Client": "client",
    "OAuth2Token": "models",
    "PKCEChallenge": "protocol.pkce",
    "RegistrationError": "errors",
    "Secret": "safety.secret",
    "SecureTokenStorage": "storage.secure",
    "SecurityAuditor": "audit.auditor",
    "SecurityRefused": "errors",
    "SecurityReport": "audit.report",
    "ServerUnavailable": "errors",
    "StorageError": "errors",
    "TokenManager": "tokens.manager",
    "TokenSource": "tokens.source",
    "VacuumAuth": "integrations.httpx2",
    "VacuumError": "errors",
    "WrongAudience": "errors",
    "__version__": "_version",
    "refreshed_ahead": "tokens.ahead",
    "token_source": "agent.source",
}

__all__ = [
    "AuthenticationError",
    "AuthorizationRequest",
    "Authorize",
    "Binding",
    "ClientCredentials",
    "Credential",
    "DynamicClientRegistration",
    "GrantOptions",
    "InteractiveSource",
    "LoginOptions",
    "LoginRequired",
    "LoginResult",
    "MCPServerInfo",
    "MachineSource",
    "OAuth2Client",
    "OAuth2Token",
    "PKCEChallenge",
    "RegistrationError",
    "Secret",
    "SecureTokenStorage",
    "SecurityAuditor",
    "SecurityRefused",
    "SecurityReport",
    "ServerUnavailable",
    "StorageError",
    "TokenManager",
    "TokenSource",
    "VacuumAuth",
    "VacuumError",
    "WrongAudience",
    "__version__",
    "refreshed_ahead",
    "token_source",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'mcp_vacuum' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"mcp_vacuum.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
