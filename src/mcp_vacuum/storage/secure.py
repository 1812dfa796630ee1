"""SecureTokenStorage: tokens by server ID; refresh tokens sealed in the vault, access tokens in memory."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import anyio.to_thread

from mcp_vacuum.models import Binding, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.safety.secret import wrapped
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.home import state_home
from mcp_vacuum.storage.opening import open_store

_LEASE_TIMEOUT = 30.0
DEFAULT_SERVICE = "mcp_vacuum"


def _open(service_name: str) -> CredentialStore:
    if service_name == DEFAULT_SERVICE:
        opened = open_store()
    else:
        home = state_home() / "services" / quote(service_name, safe="")
        opened = open_store(home, service_name=service_name)
    assert opened is not None
    return opened


class BlockingTokenStorage:
    """What both faces of the storage do, without an event loop. See `SecureTokenStorage`."""

    def __init__(self, service_name: str = DEFAULT_SERVICE, *, store: CredentialStore | None = None) -> None:
        """Open nothing yet.

        Args:
            service_name: The default is the user's vault, which the command line uses too; another name
                has a vault and a keyring item of its own.
            store: Use this store instead of the user's vault, `memory_store()` for example.
        """
        self.service_name = service_name
        self._store = store

    @property
    def store(self) -> CredentialStore:
        """The store behind it, opened at first use.

        Raises:
            StorageError: The vault or its key cannot be used.
        """
        if self._store is None:
            self._store = _open(self.service_name)
        return self._store

    def put_token(self, server_id: str, token: OAuth2Token) -> None:
        """Keep a token; see `SecureTokenStorage.store_token`."""
        with self.store.lease(server_id, "default", _LEASE_TIMEOUT):
            old = self.store.get(server_id)
            new = credential_of(server_id, token, old)
            self.store.put(new, expected_generation=old.generation if old else 0)
            if token.access_token:
                ACCESS_TOKENS.put(self.place(server_id), Held(token, new.generation))

    def read_token(self, server_id: str) -> OAuth2Token | None:
        """Return a token; see `SecureTokenStorage.get_token`."""
        credential = self.store.get(server_id)
        if credential is None:
            return None
        held = ACCESS_TOKENS.get(self.place(server_id))
        if held is not None and held.generation == credential.generation:
            return held.token
        return token_of(credential)

    def drop_token(self, server_id: str) -> None:
        """Forget a token; see `SecureTokenStorage.delete_token`."""
        ACCESS_TOKENS.forget(self.place(server_id))
        self.store.delete(server_id)

    def place(self, server_id: str) -> tuple[str, str, str]:
        """Where the access token of a server is held in memory."""
        return (self.store.location, server_id, "default")


class SecureTokenStorage(BlockingTokenStorage):
    """Tokens by server ID, for async code.

    The refresh token is sealed in the vault; the access token stays in this process's memory. A record that
    cannot be opened raises `StorageError` and is never deleted: *cannot open* and *absent* are two answers.
    """

    async def store_token(self, server_id: str, token: OAuth2Token) -> None:
        """Keep a token: its refresh token sealed on disk, its access token in memory.

        Raises:
            StorageError: Nothing was written.
        """
        await anyio.to_thread.run_sync(self.put_token, server_id, token)

    async def get_token(self, server_id: str) -> OAuth2Token | None:
        """Return the token, or None where there is no record.

        In a process that has not got the access token its place is empty and `is_expired` is true.

        Raises:
            StorageError: The record cannot be read or opened.
        """
        return await anyio.to_thread.run_sync(self.read_token, server_id)

    async def delete_token(self, server_id: str) -> None:
        """Forget the token; no error if there is none.

        Raises:
            StorageError: It could not be deleted.
        """
        await anyio.to_thread.run_sync(self.drop_token, server_id)


def credential_of(server_id: str, token: OAuth2Token, old: Credential | None) -> Credential:
    """Return the record that a token makes of the one before it."""
    base = old or Credential(server=server_id, created_at=token.created_at)
    bound = bind(base, token.binding) if token.binding else base
    kept = token.refresh_token or (base.refresh_token.reveal() if base.refresh_token else None)
    return replace(
        bound,
        refresh_token=wrapped(kept),
        scope=token.scope or base.scope,
        token_type=token.token_type,
        refreshed_at=token.created_at,
        expires_at=token.expires_at,
        lifetime=token.expires_in,
        generation=base.generation + 1,
        journal=None,
        doubts=(),
        ended=None,
    )


def bind(credential: Credential, binding: Binding) -> Credential:
    """Tie a record to an endpoint, client, issuer and resource."""
    client = credential.client
    if client is None or client.client_id != binding.client_id:
        client = ClientCredentials(client_id=binding.client_id, issuer=binding.issuer)
    return replace(
        credential,
        token_endpoint=binding.token_endpoint,
        issuer=binding.issuer,
        resource=binding.resource,
        client=client,
    )


def token_of(credential: Credential) -> OAuth2Token:
    """Return the token of a record: everything but the access token."""
    lifetime = credential.lifetime or 1
    ends = credential.expires_at if credential.expires_at is not None else 0.0
    return OAuth2Token(
        access_token="",
        token_type=credential.token_type,
        expires_in=lifetime,
        refresh_token=credential.refresh_token.reveal() if credential.refresh_token else None,
        scope=credential.scope,
        created_at=ends - lifetime,
        binding=credential.binding,
    )
