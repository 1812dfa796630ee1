"""CredentialStore: the typed face of a record store, and the only one that the layers above use."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from mcp_vacuum.errors import AliasTaken, GenerationConflict, StorageError, UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import normalise_server_url
from mcp_vacuum.storage.base import Entry, RecordKey, RecordStore, Row
from mcp_vacuum.storage.cipher import Cipher
from mcp_vacuum.storage.envelope import (
    client_from_dict,
    client_to_dict,
    credential_from_dict,
    credential_to_dict,
    damaged,
)
from mcp_vacuum.storage.locking import LOCKED, NO, YES, refuse_locked
from mcp_vacuum.storage.names import ALIAS, matching, the_one
from mcp_vacuum.storage.sealing import Found, Renew, SealedRecords

ALIAS_LEASE = 10.0
"""Seconds that `set_alias` waits for a refresh that is under way."""
TRIES = 10
"""How often a registration is written again after another process was faster."""


class CredentialStore:
    """Logins and client registrations, sealed and opened on the way.

    Methods block and may be called from any thread. A record that cannot be opened is never deleted or
    overwritten: reading it raises `RecordDamaged`, and what replaces it sets it aside.

    Attributes:
        notice: What has to be said aloud once about a vault that was just created, or None.
    """

    def __init__(
        self,
        records: RecordStore,
        cipher: Cipher,
        *,
        key_source: str = "memory",
        notice: str | None = None,
        renew: Renew | None = None,
    ) -> None:
        self._records = records
        self._sealed = SealedRecords(records, cipher, key_source, renew)
        self._opened: dict[RecordKey, int] = {}
        self.notice = notice

    @property
    def key_source(self) -> str:
        """Where the key comes from, by its name: ``keyring``, ``file:/path``, ``memory``."""
        return self._sealed.key_source

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
        found = self._sealed.get(_login(server, account))
        return None if found is None else self._credential(found)

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
        self._sealed.put(
            key,
            credential_to_dict(credential),
            credential.generation,
            expected_generation,
            issuer=credential.issuer,
            alias=credential.alias,
            expires_at=credential.expires_at,
        )
        self._opened[key] = credential.generation

    def delete(self, server: str, account: str = DEFAULT_ACCOUNT) -> bool:
        """Forget a login; True if there was one. One that does not open is set aside instead.

        Raises:
            StorageError: It cannot be deleted; it is still there.
        """
        return self._forget(_login(server, account))

    def logins(self) -> list[Credential]:
        """Return all logins that open, ordered by server and account; `index` shows the others too."""
        return [opened for found in self._sealed.list("login") if (opened := self._credential_or_none(found))]

    def index(self) -> Sequence[Entry]:
        """Return what a listing tells of all logins, without opening or reading one."""
        return self._records.index("login")

    def stamp(self) -> object:
        """Return something that stays equal until another connection has written the store.

        It takes some microseconds. What this very object writes may change it or not.

        Raises:
            StorageError: The store cannot be read.
        """
        return self._records.stamp()

    def set_aside(self) -> list[Row]:
        """Return the records that did not open and were put out of the way."""
        return self._records.list("damaged")

    def find(self, name: str) -> Credential | None:
        """Return the login called `name`: an alias, a server URL, or a host that only one server has.

        A URL may be without its scheme where only one server fits.

        Of several accounts of a server the default account is meant.

        Raises:
            UsageError: Several logins could be meant; the message lists them.
            RecordDamaged: The login does not open.
        """
        if "://" in name and (exact := self.get(name)):  # no alias looks like that: no listing is needed
            return exact
        meant = the_one(name, self.named(name))
        return None if meant is None else self.get(meant.key.name, meant.key.account)

    def named(self, name: str) -> Sequence[Entry]:
        """Return the logins that `name` can mean; see `matching`."""
        return matching(name, self._records.find(name))

    def server_named(self, name: str) -> str | None:
        """Return the server of the logins called `name`, whichever of its accounts is meant; None if none is.

        Args:
            name: As for `find`; a URL in any spelling.

        Raises:
            UsageError: Several servers could be meant, or a URL is malformed.
        """
        asked = normalise_server_url(name) if "://" in name else name
        servers = sorted({entry.key.name for entry in self.named(asked)})
        if len(servers) > 1:
            raise UsageError(f"{name} could mean {', '.join(servers)}", hint="give the whole URL")
        return servers[0] if servers else None

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
        if any(entry.alias == alias and entry.key != key for entry in self._records.find(alias)):
            raise AliasTaken(f"the alias {alias} already names another login", hint="mcp-vacuum list")

    def registration(self, issuer: str) -> ClientCredentials | None:
        """Return the client registration at an issuer, or None.

        Raises:
            RecordDamaged: There is one, but it does not open.
        """
        found = self._sealed.get(RecordKey("client", issuer))
        return None if found is None else self._client(found)

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
            body = client_to_dict(client)
            try:
                return self._sealed.put(key, body, before + 1, before, issuer=client.issuer)
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
            VaultLocked: Its owner locked the vault.
            StorageError: Another holder kept it for longer than `timeout` seconds.
        """
        refuse_locked(self._records.header())
        return self._records.lease(_login(server, account), timeout)

    def fingerprint(self, secret: Secret) -> str:
        """HMAC-SHA256 of a refresh token in hex, under a key of this vault that no rotation changes."""
        return self._sealed.cipher.fingerprint(secret)

    def set_locked(self, locked: bool) -> None:
        """Lock the vault, or unlock it: having it open is the proof that its key is at hand.

        Raises:
            StorageError: It cannot be written; it is as it was.
        """
        self._records.change_header({LOCKED: YES if locked else NO})

    def close(self) -> None:
        """Free file handles; further calls open them anew."""
        self._records.close()

    def _credential(self, found: Found) -> Credential:
        row = found.row
        try:
            credential = credential_from_dict(found.body())
        except ValueError as caught:
            raise damaged(row.key, str(caught)) from caught
        if credential.alias != row.alias:  # else whoever can write the file could point an alias elsewhere
            raise damaged(row.key, "its alias was changed from outside")
        self._opened[row.key] = row.generation
        return credential

    def _credential_or_none(self, found: Found) -> Credential | None:
        try:
            return self._credential(found)
        except StorageError:
            return None

    def _client(self, found: Found) -> ClientCredentials:
        try:
            return client_from_dict(found.body())
        except ValueError as caught:
            raise damaged(found.row.key, str(caught)) from caught

    def _require_openable(self, key: RecordKey) -> None:
        found = self._sealed.get(key)
        if found is not None:
            self._credential(found)

    def _openable(self, key: RecordKey) -> Row | None:
        """Return the row if it opens; set it aside if not. A key that is not to be had is neither."""
        found = self._sealed.get(key)
        if found is None:
            return None
        try:
            self._credential(found) if key.kind == "login" else self._client(found)
        except StorageError:
            self._put_away(found.row)
            return None
        return found.row

    def _put_away(self, row: Row) -> None:
        key = RecordKey("damaged", row.key.name, f"{row.key.kind} {row.key.account} {time.time_ns()}")
        self._sealed.keep(replace(row, key=key))
        self._records.delete(row.key)

    def _forget(self, key: RecordKey) -> bool:
        there = self._records.get(key) is not None
        if self._openable(key) is not None:
            self._records.delete(key)
        self._opened.pop(key, None)
        return there


def _login(server: str, account: str) -> RecordKey:
    return RecordKey("login", server, account)
