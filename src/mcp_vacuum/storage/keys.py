"""Which key a vault has: choosing its source when it is created, and opening it afterwards.

A source is chosen once, when a vault is created, and its name is written in the vault's header. No source
ever replaces a key: what exists and cannot be used is an error with its cause.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mcp_vacuum.errors import KeyUnavailable, StorageError, UsageError
from mcp_vacuum.storage.cipher import Cipher, check_value
from mcp_vacuum.storage.command_source import CommandSource
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.file_source import KEY_FILE, FileSource
from mcp_vacuum.storage.key_source import KEY_VARIABLE, SOURCE_VARIABLE, Ask, KeyName, KeySource, NewKey
from mcp_vacuum.storage.keyring_source import SERVICE_NAME, KeyringSource
from mcp_vacuum.storage.locking import refuse_locked
from mcp_vacuum.storage.passphrase_source import HINT, PassphraseSource

T = TypeVar("T")

PREVIOUS = "previous_key"
"""In the header while a key is being changed: the key before, sealed under the present one."""
FINGERPRINTS = "fingerprint_key"
"""In the header after a key was changed: what fingerprints go on being made under, sealed."""
PATIENCE = 10
"""How many rotations may go by while a vault is being opened."""
CHOICES = "keyring, file[:PATH], passphrase, env, command:CMD"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the sources of one vault have to know besides their names.

    Attributes:
        home: The directory of the vault; its key file is there.
        service_name: Under which the key is kept in a keyring.
        ask: How a passphrase is asked for; None for the terminal.
    """

    home: Path
    service_name: str = SERVICE_NAME
    ask: Ask | None = None

    def named(self, text: str) -> KeySource:
        """Return the source called `text`, as in `MCP_VACUUM_KEY_SOURCE` and in a vault's header.

        Raises:
            UsageError: There is no such source.
        """
        word, _, rest = text.partition(":")
        if word == "file":
            return FileSource(Path(rest).expanduser() if rest else self.home / KEY_FILE)
        if word == "command" and rest:
            return CommandSource(rest)
        if text == "keyring":
            return KeyringSource(self.service_name)
        if text == "passphrase":
            return PassphraseSource(self.ask)
        if text == "env":
            return EnvSource()
        raise UsageError(f"there is no key source {text!r}", hint=f"one of: {CHOICES}")

    def from_environment(self) -> KeySource | None:
        """Return the source that `MCP_VACUUM_KEY_SOURCE` names, or None if it names none.

        Raises:
            UsageError: There is no such source.
        """
        text = os.environ.get(SOURCE_VARIABLE)
        try:
            return self.named(text) if text else None
        except UsageError as caught:
            raise UsageError(f"{SOURCE_VARIABLE}: {caught.message}", hint=caught.hint) from None

    def of(self, header: Mapping[str, str]) -> KeySource:
        """Return the source that a vault's header names."""
        service = header.get("keyring_service") or self.service_name
        return Sources(self.home, service, self.ask).named(header["key_source"])

    def header_name(self, source: KeySource) -> str:
        """Return what the header keeps: the name, but `file` for the default file: so a home may be moved."""
        return "file" if source.name == FileSource(self.home / KEY_FILE).name else source.name


@dataclass(frozen=True, slots=True)
class Chosen:
    """The key source of a new vault.

    Attributes:
        source: Where the key is kept.
        new: The key itself and its recipe.
        notice: What has to be said aloud once, or None.
    """

    source: KeySource
    new: NewKey
    notice: str | None = None


def choose_key_source(sources: Sources, vault_id: str) -> Chosen:
    """Choose for a **new** vault: what the environment names, else a keyring that works, else a key file.

    Raises:
        KeyUnavailable: The source that the environment names cannot keep a key.
        UsageError: The environment names no source that there is.
    """
    name = KeyName(vault_id)
    named = sources.from_environment()
    if named is not None:
        return Chosen(named, named.create(name))
    keyring = sources.named("keyring")
    try:
        return Chosen(keyring, keyring.create(name))
    except KeyUnavailable as caught:
        file = FileSource(sources.home / KEY_FILE)
        notice = f"{caught.message}; the vault's key is in {file.path} (0600)"
        return Chosen(file, file.create(name), notice)


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A vault's key at work, and where it came from."""

    source: KeySource
    cipher: Cipher


def steadily(header: Callable[[], Mapping[str, str]], unlocking: Callable[[Mapping[str, str]], T]) -> T:
    """Unlock with the header as it is, and again where it changed in the meantime: a rotation went by.

    Raises:
        KeyUnavailable: As `unlocking` does, for a header that stays.
    """
    now = header()
    for _ in range(PATIENCE):
        try:
            return unlocking(now)
        except KeyUnavailable:
            before, now = now, header()
            if now.get("key_check") == before.get("key_check"):
                raise
    raise StorageError("the vault's key is being changed all the time", hint="try again")


def unlock(header: Mapping[str, str], sources: Sources) -> Unlocked:
    """Return the cipher of an existing vault. No key is ever made here.

    Raises:
        KeyUnavailable: The source is missing or locked, the environment names another one, or the key is not
            this vault's.
        StorageError: The header is not complete.
    """
    _require_whole(header)
    source = sources.of(header)
    _refuse_another(source, sources.from_environment())
    return Unlocked(source, cipher_of(header, source))


def unlock_again(header: Mapping[str, str], sources: Sources) -> Unlocked:
    """Return the present cipher for a program that had the vault open when its key was changed.

    The vault decides where its key is now; what the environment named when the program began is past.

    Raises:
        VaultLocked: Its owner locked it.
        KeyUnavailable: As for `unlock`.
    """
    refuse_locked(header)
    source = sources.of(header)
    return Unlocked(source, cipher_of(header, source))


def cipher_of(header: Mapping[str, str], source: KeySource) -> Cipher:
    """Ask the source for the key that the header describes.

    Raises:
        KeyUnavailable: The source is missing or locked, or its key is not this vault's.
    """
    keys = source.read(key_name(header))
    if not keys:
        raise KeyUnavailable(f"the vault's key is missing from {source.name}", hint=_fix(source))
    for key in keys:
        if hmac.compare_digest(check_value(key, header["vault_id"]), header["key_check"]):
            return _with_its_past(key, header)
    if isinstance(source, PassphraseSource):
        raise KeyUnavailable("wrong passphrase; nothing was changed", hint=HINT)
    raise KeyUnavailable(
        f"the key from {source.name} is not the key of this vault; nothing was changed", hint=_fix(source)
    )


def key_name(header: Mapping[str, str]) -> KeyName:
    """Return what the vault's present key is called."""
    number = header.get("key_number", "1")
    if not number.isdecimal():
        raise StorageError("the vault's header is damaged (key_number); nothing was changed")
    return KeyName(header["vault_id"], int(number), header.get("key_recipe", ""))


def same_place(one: KeySource, other: KeySource) -> bool:
    """True if both keep their keys in the same place."""
    return _place(one) == _place(other)


def _with_its_past(key: bytes, header: Mapping[str, str]) -> Cipher:
    """Add what the header keeps sealed under the key: the one before it, while records still need that."""
    alone = Cipher(key)
    kept = {name: alone.unwrap(name, header[name]) for name in (PREVIOUS, FINGERPRINTS) if name in header}
    older = (kept[PREVIOUS],) if PREVIOUS in kept else ()
    return Cipher(key, *older, vault_id=header["vault_id"], fingerprint_key=kept.get(FINGERPRINTS))


def _require_whole(header: Mapping[str, str]) -> None:
    if missing := {"vault_id", "key_source", "key_check"} - header.keys():
        raise StorageError(
            f"the vault's header lacks {', '.join(sorted(missing))}; nothing was changed",
            hint="restore the vault from a backup",
        )


def _refuse_another(source: KeySource, named: KeySource | None) -> None:
    if named is None or same_place(named, source):
        return
    raise KeyUnavailable(
        f"this vault's key comes from {source.name}, but {SOURCE_VARIABLE} names {named.name}",
        hint=f"unset {SOURCE_VARIABLE}; `mcp-vacuum vault rotate-key --to SOURCE` changes a vault's source",
    )


def _place(source: KeySource) -> str:
    return os.path.realpath(source.path) if isinstance(source, FileSource) else source.name


def _fix(source: KeySource) -> str:
    if isinstance(source, FileSource):
        return f"restore {source.path} from a backup"
    if isinstance(source, EnvSource):
        return f"set {KEY_VARIABLE} to the key that the vault was created with"
    if isinstance(source, CommandSource):
        return "have the command print the key that the vault was created with"
    if isinstance(source, PassphraseSource):
        return HINT
    return "log in to the desktop session or restore the keyring in which the vault was created"
