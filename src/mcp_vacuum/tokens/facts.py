"""What may be shown of a login: no secret, and nothing that a token could be had with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcp_vacuum.drivers.route import proxy_address
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.policy import doubtful
from mcp_vacuum.tokens.stored import find_login

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


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to be shown.

    Attributes:
        logins: In the order of their servers and accounts.
        damaged: How many more there are that do not open.
        key_source: Where the vault's key is; None where there is no vault.
    """

    logins: tuple[LoginFacts, ...] = ()
    damaged: int = 0
    key_source: str | None = None

    @classmethod
    def told(cls, members: Mapping[str, Any]) -> Seen:
        """Return what `dataclasses.asdict` and JSON made of one."""
        logins = (LoginFacts(**{**each, "quirks": tuple(each["quirks"])}) for each in members["logins"])
        return cls(tuple(logins), members["damaged"], members["key_source"])


def seen(
    store: CredentialStore | None, name: str | None, account: str, held: Collection[tuple[str, str]]
) -> Seen:
    """Return what may be shown of all logins in a store, or of the one that is called `name`.

    Args:
        store: None where there is no vault.
        name: As for `find_login`; None for all.
        account: Which of several logins `name` means.
        held: Server and account of each login whose access token the agent has.

    Raises:
        LoginRequired, UsageError, StorageError: See `find_login`.
    """
    if name is not None:
        found, damaged = [find_login(store, name, account)], 0
    else:
        found = store.logins() if store else []
        damaged = len(store.index()) - len(found) if store else 0
    facts = tuple(facts_of(each, (each.server, each.account) in held) for each in found)
    return Seen(facts, damaged, store.key_source if store else None)


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
