"""The nouns: frozen, typed, and safe to print.

Times are Unix seconds as `float`; lifetimes are whole seconds. URLs are `str`, kept exactly as they came:
a type that adds a slash breaks identity (RFC 8414 §3.3, RFC 9207 §2.4).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from mcp_vacuum.safety.secret import Secret, shown

Registration = Literal["preregistered", "metadata_document", "dynamic", "none"]
"""How a client came by its `client_id`: the four words of `--json`."""

AuthMethod = Literal[
    "none", "client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt"
]
"""`token_endpoint_auth_method` values that this client can perform (RFC 7591 §2)."""

DEFAULT_ACCOUNT = "default"
EXPIRY_BUFFER = 60
"""Seconds before its end at which `OAuth2Token.is_expired` already says yes."""
ASSUMED_LIFETIME = 3600
"""Seconds assumed where the server gave no `expires_in` (RFC 6749 §5.1 only recommends it)."""


def _now() -> float:
    return time.time()


@dataclass(frozen=True, slots=True)
class Binding:
    """What a refresh token belongs to. It is sent to this endpoint, as this client, and nowhere else."""

    token_endpoint: str
    client_id: str
    issuer: str | None = None
    resource: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class OAuth2Token:
    """A token response (RFC 6749 §5.1) with the time at which it came.

    Attributes:
        access_token: Lives in memory only. Empty where this process has not got it.
        token_type: ``Bearer`` unless the server said otherwise.
        expires_in: Lifetime in seconds at `created_at`; more than 0.
        refresh_token: Absent if the server gave none.
        scope: Space separated, as granted; None means as asked.
        created_at: Unix time in seconds when the answer arrived.
        binding: Where a refresh has to go; set by `OAuth2Client`, never guessed.
    """

    access_token: str
    token_type: str = "Bearer"
    expires_in: int = ASSUMED_LIFETIME
    refresh_token: str | None = None
    scope: str | None = None
    created_at: float = field(default_factory=_now)
    binding: Binding | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.expires_in <= 0:
            raise ValueError("expires_in must be greater than 0 seconds")

    @property
    def expires_at(self) -> float:
        """Unix time in seconds at which the access token ends."""
        return self.created_at + self.expires_in

    @property
    def is_expired(self) -> bool:
        """True from 60 seconds before the end on, and for a token that is not here."""
        return not self.access_token or self.expires_within(EXPIRY_BUFFER)

    def expires_within(self, seconds: float, now: float | None = None) -> bool:
        """True if fewer than `seconds` of its life are left at Unix time `now` (default: the clock's)."""
        return (time.time() if now is None else now) > self.expires_at - seconds

    def __repr__(self) -> str:
        access = shown(self.access_token) if self.access_token else "''"
        refresh = shown(self.refresh_token) if self.refresh_token else None
        return (
            f"OAuth2Token(access_token={access}, token_type={self.token_type!r}, "
            f"expires_in={self.expires_in}, refresh_token={refresh}, scope={self.scope!r}, "
            f"created_at={self.created_at})"
        )


@dataclass(frozen=True, slots=True)
class MCPServerInfo:
    """A server that tokens are for."""

    name: str
    url: str
    scopes: tuple[str, ...] = ()
    """Scopes that the server itself states; empty if it states none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """A client as an authorization server knows it (RFC 7591 §3.2.1), bound to that server's issuer.

    Attributes:
        client_id: As assigned; for a metadata document its URL.
        client_secret: Present for confidential clients only.
        issuer: Whose client this is; it is never shown to another issuer.
        registration: How the `client_id` came to be.
        redirect_uris: As registered, in the server's answer.
        token_endpoint_auth_method: As registered, in the server's answer.
        client_secret_expires_at: Unix seconds; 0 means never.
        registration_client_uri: Where RFC 7592 manages this client.
        registration_access_token: The key to `registration_client_uri`.
        scope: Scopes registered, space separated.
        private_key: For `private_key_jwt`: a JWK or PEM.
        signing_alg: The algorithm of its assertions; None for the key's own.
    """

    client_id: str
    client_secret: Secret | None = None
    issuer: str | None = None
    registration: Registration = "preregistered"
    redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: AuthMethod = "none"
    client_secret_expires_at: int = 0
    registration_client_uri: str | None = None
    registration_access_token: Secret | None = None
    scope: str | None = None
    private_key: Secret | None = None
    signing_alg: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A refresh that was about to be sent: the journal entry that outlives a killed process.

    Attributes:
        generation: The record's generation at that moment.
        digest: HMAC of the refresh token; tells whether it is still the one in the record.
        at: Unix seconds.
        host, boot_id, pid, pid_start: Who it was, so that a dead holder can be told from a slow one.
    """

    generation: int
    digest: str
    at: float
    host: str
    boot_id: str
    pid: int
    pid_start: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A login as one bound record, never loose values.

    A refresh goes to the `token_endpoint` of this record and to no other; the token goes to `resource`
    and to nowhere else. The access token is not part of it.

    Attributes:
        server: The normalised server URL, or a name given to a machine grant.
        account: One of several logins for the same server.
        alias: A short name that is unique in the store.
        resource: What is sent as `resource` and what tokens are bound to (RFC 8707).
        issuer: The authorization server's own string (RFC 8414 §2).
        token_endpoint, revocation_endpoint, introspection_endpoint, device_authorization_endpoint:
            As discovered at login; None for a record that is not bound yet.
        client: The client that the refresh token was issued to.
        redirect_uri: As used in the login.
        scope_asked, scope: Space separated, as asked and as granted.
        refresh_token: None if the server gave none.
        token_type: ``Bearer``.
        created_at, refreshed_at: Unix seconds.
        expires_at: Unix seconds at which the newest access token ends; None if none was ever seen.
        lifetime: Seconds that the newest access token was given; None if unknown.
        generation: Counts up with each change of tokens; 1 for the first.
        journal: A refresh whose outcome nobody wrote down.
        doubts: Unix seconds of recent answers that were neither a token nor an error document.
        ended: Why the authorization server ended this login, in its own word; None while it lives.
        reach: How public the server's own address is: ``public``, ``private`` or ``loopback``; None where
            nothing was discovered and the token endpoint is the caller's own choice.
        allow_private_network: The login allowed servers to point to private addresses.
        quirks: Named deviations that this login tolerates.
        legacy: The 2025-03-26 shape was used: nothing verified its endpoints or its PKCE support.
        dpop_key: The private key (JWK) that the tokens are bound to (RFC 9449).
        grant: How tokens are had: ``authorization_code`` (a person said yes), ``device_code``, or one of the
            machine grants, which need nobody.
        grant_settings: What a machine grant needs besides the client, as JSON.
        proxy: The proxy that the login went through to the token endpoint, as the environment named it,
            perhaps with a password; None for a direct connection.
        ca_file: The path of the certificates that it trusted instead of the system's; None for the system's.
    """

    server: str
    account: str = DEFAULT_ACCOUNT
    alias: str | None = None
    resource: str | None = None
    issuer: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    client: ClientCredentials | None = None
    redirect_uri: str | None = None
    scope_asked: str | None = None
    scope: str | None = None
    refresh_token: Secret | None = None
    token_type: str = "Bearer"
    created_at: float = 0.0
    refreshed_at: float | None = None
    expires_at: float | None = None
    lifetime: int | None = None
    generation: int = 0
    journal: Attempt | None = None
    doubts: tuple[float, ...] = ()
    ended: str | None = None
    reach: str | None = None
    allow_private_network: bool = False
    quirks: tuple[str, ...] = ()
    legacy: bool = False
    dpop_key: Secret | None = None
    grant: str = "authorization_code"
    grant_settings: Secret | None = None
    proxy: Secret | None = None
    ca_file: str | None = None

    @property
    def binding(self) -> Binding | None:
        """Where a refresh has to go; None for a record that nothing was bound to yet."""
        if self.token_endpoint is None or self.client is None:
            return None
        return Binding(self.token_endpoint, self.client.client_id, self.issuer, self.resource)
