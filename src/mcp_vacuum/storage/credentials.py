"""CredentialStore: the typed face of a record store, and the only one that the layers above use."""

from __future__ import annotations

import os
import re
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_vacuum.errors import AliasTaken, GenerationConflict, StorageError, UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.base import RecordKey, RecordStore, Row
from mcp_vacuum.storage.envelope import (
    Body,
    Cipher,
    client_from_dict,
    client_to_dict,
    credential_from_dict,
    credential_to_dict,
    damaged,
    new_key,
    open_sealed,
    seal,
)
from mcp_vacuum.storage.home import state_home

if TYPE_CHECKING:
    from mcp_vacuum.storage.vault import Vault

VAULT_FILE = "vault.db"
ALIAS = re.compile(r"[^\W_][\w.-]{0,63}")
ALIAS_LEASE = 10.0
"""Seconds that `set_alias` waits for a refresh that is under way."""
TRIES = 10
"""How often a registration is written again after another process was faster."""


class CredentialStore:
    """Logins and client registrations, sealed and opened on the way.

    Methods block and may be called from any thread. A record that cannot be opened is never deleted or
    overwritten: reading it raises `RecordDamaged`, and what replaces it sets it aside.

    Attributes:
        key_source: Where the key comes from: ``keyring``, ``file:/path``, ``env``, ``command:…``, ``memory``.
        notice: What has to be said aloud once about a vault that was just created, or None.
    """

    def __init__(
        self, records: RecordStore, cipher: Cipher, *, key_source: str = "memory", notice: str | None = None
    ) -> None:
        self._records = records
        self._cipher = cipher
        self._opened: dict[RecordKey, int] = {}
        self.key_source = key_source
        self.notice = notice

    @property
    def location(self) -> str:
        """Identity of the store: equal for two objects over the same records."""
        return self._records.location

    def get(self, server: str, account: str = DEFAULT_ACCOUNT) -> Credential | None:
        """Return the login, or None if there is none.

        Raises:
            RecordDamaged: There is one, but it does not open. It is kept as it is.
            StorageError: The store cannot be read.
        """
        row = self._records.get(_login(server, account))
        return None if row is None else self._credential(row)

    def put(self, credential: Credential, expected_generation: int) -> None:
        """Write a login whole.

        Args:
            credential: The new state; its generation is at least 1 and not below `expected_generation`.
            expected_generation: The generation that was read; 0 if there was no login.

        Raises:
            GenerationConflict: Somebody else wrote first; nothing was written.
            AliasTaken: Another login has this alias; nothing was written.
            RecordDamaged: The stored login does not open; it is not overwritten.
            StorageError: It cannot be written; the old login is still there.
        """
        if credential.generation < max(expected_generation, 1):
            raise ValueError(f"generation {credential.generation} cannot follow {expected_generation}")
        key = _login(credential.server, credential.account)
        if expected_generation and self._opened.get(key) != expected_generation:
            self._require_openable(key)
        row = Row(
            key,
            seal(credential_to_dict(credential), key, credential.generation, self._cipher),
            credential.generation,
            credential.issuer,
            credential.alias,
            credential.expires_at,
        )
        self._records.put(row, expected_generation=expected_generation)
        self._opened[key] = credential.generation

    def delete(self, server: str, account: str = DEFAULT_ACCOUNT) -> bool:
        """Forget a login; True if there was one. One that does not open is set aside instead.

        Raises:
            StorageError: It cannot be deleted; it is still there.
        """
        return self._forget(_login(server, account))

    def logins(self) -> list[Credential]:
        """Return all logins that open, ordered by server and account; `index` shows the others too."""
        return [opened for row in self.index() if (opened := self._credential_or_none(row))]

    def index(self) -> list[Row]:
        """Return the clear columns of all logins, without opening one."""
        return self._records.list("login")

    def set_aside(self) -> list[Row]:
        """Return the records that did not open and were put out of the way."""
        return self._records.list("damaged")

    def find(self, name: str) -> Credential | None:
        """Return the login called `name`: an alias, a server URL, or a host that only one server has.

        Of several accounts of a server the default account is meant.

        Raises:
            UsageError: Several logins could be meant; the message lists them.
            RecordDamaged: The login does not open.
        """
        if "://" in name and (exact := self.get(name)):  # no alias looks like that: no listing is needed
            return exact
        row = _the_one(name, _matches(name, self.index()))
        return None if row is None else self.get(row.key.name, row.key.account)

    def set_alias(self, server: str, account: str, alias: str | None) -> None:
        """Give a login a short name, or take it away. Do not hold its lease when calling this.

        Raises:
            UsageError: No such login, or the alias could be mistaken for a URL or an option.
            AliasTaken: Another login has it.
            StorageError: The login is being refreshed for too long, or cannot be written.
        """
        if alias is not None:
            self.check_alias(server, account, alias)
        # A refresh writes its journal under the lease and without a new generation: only the lease
        # keeps one of the two writers from undoing the other.
        with self.lease(server, account, ALIAS_LEASE):
            credential = self.get(server, account)
            if credential is None:
                raise UsageError(f"there is no login for {server}", hint="mcp-vacuum list")
            self.put(replace(credential, alias=alias), credential.generation)

    def check_alias(self, server: str, account: str, alias: str) -> None:
        """See whether `set_alias` would take the name now; for those who have to send something first.

        Raises:
            UsageError: It could be mistaken for a URL or an option.
            AliasTaken: Another login has it.
        """
        if not ALIAS.fullmatch(alias):
            raise UsageError(
                f"{alias!r} cannot be an alias",
                hint="letters, digits, '.', '_' and '-', at most 64, a letter first",
            )
        key = _login(server, account)
        if any(row.alias == alias and row.key != key for row in self.index()):
            raise AliasTaken(f"the alias {alias} already names another login", hint="mcp-vacuum list")

    def registration(self, issuer: str) -> ClientCredentials | None:
        """Return the client registration at an issuer, or None.

        Raises:
            RecordDamaged: There is one, but it does not open.
        """
        row = self._records.get(RecordKey("client", issuer))
        return None if row is None else self._client(row)

    def put_registration(self, client: ClientCredentials) -> None:
        """Keep a client registration in place of the issuer's former one; the last writer wins.

        Raises:
            ValueError: The client names no issuer.
            StorageError: It cannot be written.
        """
        if client.issuer is None:
            raise ValueError("a registration is kept under its issuer, and this one names none")
        key = RecordKey("client", client.issuer)
        for _ in range(TRIES):
            old = self._openable(key)
            before = old.generation if old else 0
            sealed = seal(client_to_dict(client), key, before + 1, self._cipher)
            try:
                return self._records.put(
                    Row(key, sealed, before + 1, client.issuer), expected_generation=before
                )
            except GenerationConflict:
                continue
        raise StorageError(
            f"the registration at {client.issuer} is being changed all the time", hint="try again"
        )

    def delete_registration(self, issuer: str) -> bool:
        """Forget a client registration; True if there was one. One that does not open is set aside."""
        return self._forget(RecordKey("client", issuer))

    def lease(self, server: str, account: str, timeout: float) -> AbstractContextManager[None]:
        """Hold the right to refresh a login, across threads and processes.

        Raises:
            StorageError: Another holder kept it for longer than `timeout` seconds.
        """
        return self._records.lease(_login(server, account), timeout)

    def fingerprint(self, secret: Secret) -> str:
        """HMAC-SHA256 of a refresh token in hex, under a key that is derived from the vault's."""
        return self._cipher.fingerprint(secret)

    def close(self) -> None:
        """Free file handles; further calls open them anew."""
        self._records.close()

    def _credential(self, row: Row) -> Credential:
        body = self._body(row)
        try:
            credential = credential_from_dict(body)
        except ValueError as caught:
            raise damaged(row.key, str(caught)) from caught
        if credential.alias != row.alias:  # else whoever can write the file could point an alias elsewhere
            raise damaged(row.key, "its alias was changed from outside")
        self._opened[row.key] = row.generation
        return credential

    def _credential_or_none(self, row: Row) -> Credential | None:
        try:
            return self._credential(row)
        except StorageError:
            return None

    def _client(self, row: Row) -> ClientCredentials:
        try:
            return client_from_dict(self._body(row))
        except ValueError as caught:
            raise damaged(row.key, str(caught)) from caught

    def _body(self, row: Row) -> Body:
        return open_sealed(row.sealed, row.key, row.generation, self._cipher)

    def _require_openable(self, key: RecordKey) -> None:
        row = self._records.get(key)
        if row is not None:
            self._credential(row)

    def _openable(self, key: RecordKey) -> Row | None:
        """Return the row if it opens; set it aside if not."""
        row = self._records.get(key)
        if row is None:
            return None
        try:
            self._credential(row) if key.kind == "login" else self._client(row)
        except StorageError:
            self._put_away(row)
            return None
        return row

    def _put_away(self, row: Row) -> None:
        key = RecordKey("damaged", row.key.name, f"{row.key.kind} {row.key.account} {time.time_ns()}")
        self._records.put(replace(row, key=key), expected_generation=0)
        self._records.delete(row.key)

    def _forget(self, key: RecordKey) -> bool:
        there = self._records.get(key) is not None
        if self._openable(key) is not None:
            self._records.delete(key)
        self._opened.pop(key, None)
        return there


def open_store(
    home: Path | None = None, *, service_name: str = "mcp-vacuum", create: bool = True
) -> CredentialStore | None:
    """Open the user's vault; make one where there is none.

    Args:
        home: The directory of the vault; `state_home()` if absent.
        service_name: Under which a **new** vault's key is kept in the keyring.
        create: False creates nothing, not even a directory.

    Returns:
        The store; None only where there is no vault and `create` is False.

    Raises:
        KeyUnavailable: The key is missing, locked or not this vault's; nothing was changed.
        StorageError: The vault or its directory cannot be used.
        UsageError: `MCP_VACUUM_KEY_SOURCE` names no source.
    """
    from mcp_vacuum.storage.vault import Vault

    folder = state_home() if home is None else home
    vault = Vault(folder / VAULT_FILE)
    if not vault.exists():
        made = _create(vault, folder, service_name) if create else None
        if made or not create:
            return made
    from mcp_vacuum.storage.keys import unlock

    source, cipher = unlock(vault.header(), folder)
    return CredentialStore(vault, cipher, key_source=source.name)


def memory_store() -> CredentialStore:
    """Return a store that ends with this process, sealed under a key that nobody else has."""
    from mcp_vacuum.storage.memory import MemoryRecordStore

    return CredentialStore(MemoryRecordStore(), Cipher(new_key()))


def _create(vault: Vault, folder: Path, service_name: str) -> CredentialStore | None:
    """Make a vault with its key; None if another process was faster."""
    from mcp_vacuum.storage.keys import choose_key_source, header_name

    with vault.creation():
        if vault.exists():
            return None
        vault_id = os.urandom(16).hex()
        chosen = choose_key_source(folder, vault_id, service_name)
        cipher = Cipher(chosen.key)
        vault.create(
            {
                "vault_id": vault_id,
                "key_source": header_name(chosen.source, folder),
                "keyring_service": service_name,
                "key_check": cipher.check_value(vault_id),
                "created_at": str(int(time.time())),
            }
        )
    return CredentialStore(vault, cipher, key_source=chosen.source.name, notice=chosen.notice)


def _login(server: str, account: str) -> RecordKey:
    return RecordKey("login", server, account)


def _matches(name: str, rows: list[Row]) -> list[Row]:
    """Rows that `name` can mean: by alias, else by server URL, else by host."""
    return (
        [row for row in rows if row.alias == name]
        or [row for row in rows if row.key.name == name]
        or [row for row in rows if name.lower() in _hosts(row.key.name)]
    )


def _hosts(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "", parts.netloc.lower()) if parts.netloc else ()
    except ValueError:  # the name of a machine grant may look like anything
        return ()


def _the_one(name: str, rows: list[Row]) -> Row | None:
    if len({row.key.name for row in rows}) == 1:
        rows = [row for row in rows if row.key.account == DEFAULT_ACCOUNT] or rows
    if len(rows) > 1:
        listed = ", ".join(f"{row.key.name} (account {row.key.account})" for row in rows)
        raise UsageError(
            f"{name} could mean {listed}", hint="give the whole URL, and --account where it has several"
        )
    return rows[0] if rows else None
