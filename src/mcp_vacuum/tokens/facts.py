"""What may be shown of a login: no secret, and nothing that a token could be had with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcp_vacuum.drivers.route import proxy_address
from mcp_vacuum.models import Credential
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.policy import doubtful

State = Literal["valid", "login_required", "doubtful"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """A login for whoever looks at it; see `Credential` for what is not explained here.

    Attributes:
        client_id: None where there is no client, or one without a name.
        registration: How the client was registered; ``none`` where there is no client.
        refreshable: A new token needs no person.
        in_agent: The agent holds an access token.
        doubtful: The server's answers make no sense, many and over some time.
        dpop: Its tokens are bound to a key.
        proxy: ``host:port`` that the login went through, or None.
    """

    server: str
    account: str
    alias: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    registration: str = "none"
    scope: str | None = None
    expires_at: float | None = None
    created_at: float = 0.0
    refreshed_at: float | None = None
    refreshable: bool = False
    in_agent: bool = False
    ended: str | None = None
    doubtful: bool = False
    quirks: tuple[str, ...] = ()
    grant: str = "authorization_code"
    token_type: str = "Bearer"
    legacy: bool = False
    dpop: bool = False
    proxy: str | None = None
    ca_file: str | None = None

    @property
    def state(self) -> State:
        """``valid`` means that a token can be had without a person."""
        if self.ended is not None or not (self.in_agent or self.refreshable):
            return "login_required"
        return "doubtful" if self.doubtful else "valid"


def facts_of(credential: Credential, in_agent: bool = False) -> LoginFacts:
    """Return what may be shown of a login."""
    client = credential.client
    return LoginFacts(
        server=credential.server,
        account=credential.account,
        alias=credential.alias,
        issuer=credential.issuer,
        client_id=(client.client_id or None) if client else None,
        registration=client.registration if client else "none",
        scope=credential.scope,
        expires_at=credential.expires_at,
        created_at=credential.created_at,
        refreshed_at=credential.refreshed_at,
        refreshable=refreshable(credential),
        in_agent=in_agent,
        ended=credential.ended,
        doubtful=doubtful(credential.doubts),
        quirks=credential.quirks,
        grant=credential.grant,
        token_type=credential.token_type,
        legacy=credential.legacy,
        dpop=credential.dpop_key is not None,
        proxy=proxy_address(credential.proxy) if credential.proxy else None,
        ca_file=credential.ca_file,
    )


def refreshable(credential: Credential) -> bool:
    """True if a new token needs no person: there is a refresh token, or a machine asks anew."""
    return credential.refresh_token is not None or credential.grant in MACHINE_GRANTS
