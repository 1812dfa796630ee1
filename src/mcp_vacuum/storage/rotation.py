"""Changing a vault's key while other processes read and refresh.

The order is the promise, as with a refresh. Whoever dies in between leaves a vault that opens, and the next
rotation goes on where this one stopped:

1. the new key is made beside the present one, which stays where it is;
2. one transaction makes it the vault's key, and keeps the former one in the header, sealed under the new:
   from here on nobody's write under the former key is taken, and everything that is there opens;
3. all records are sealed anew, some at a time; one that somebody wrote in the meantime is left to him;
4. when no record names the former key any more, it is taken out of its source;
5. and then out of the header.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_vacuum.errors import KeyUnavailable, StorageError, UsageError
from mcp_vacuum.storage.cipher import Cipher, check_value
from mcp_vacuum.storage.file_source import FileSource
from mcp_vacuum.storage.key_source import SOURCE_VARIABLE, Ask, KeySource
from mcp_vacuum.storage.keys import FINGERPRINTS, PREVIOUS, Sources, cipher_of, key_name, same_place
from mcp_vacuum.storage.lease import locked
from mcp_vacuum.storage.locking import refuse_locked
from mcp_vacuum.storage.opening import existing_vault
from mcp_vacuum.storage.resealing import Progress, refuse_newer_records, reseal_all

if TYPE_CHECKING:
    from mcp_vacuum.storage.vault import Vault

PREVIOUS_SOURCE = "previous_source"
"""In the header while a key is being changed: where the former key is."""
PATIENCE = 5.0
"""Seconds to wait for another rotation."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        key_source: Where the key is now.
        resealed: How many records were sealed anew.
        unopened: How many did not open under the former key either; they are kept as they are.
        resumed: It finished an earlier rotation, and began none of its own.
        notices: What is left for a person to do.
    """

    key_source: str
    resealed: int = 0
    unopened: int = 0
    resumed: bool = False
    notices: tuple[str, ...] = ()


def rotate_key(
    home: Path | None = None,
    to: str | None = None,
    *,
    ask: Ask | None = None,
    progress: Progress | None = None,
) -> Rotated:
    """Give a vault a new key, at the same source or at another one, while others use it.

    An earlier rotation that did not end is finished first; if that was to the same source, it is all.

    Args:
        home: The directory of the vault; the user's if absent.
        to: The new key's source, as in `MCP_VACUUM_KEY_SOURCE`; the present one if absent.
        ask: How a passphrase is asked for; the terminal if absent.
        progress: Told how many records are done, and of how many, after each batch.

    Raises:
        VaultLocked: Its owner locked it.
        KeyUnavailable: The present key is not to be had, or the new source cannot keep one; nothing was
            changed.
        StorageError: The vault cannot be read or written, or another rotation is under way. What is done is
            done; the vault opens, and the next rotation goes on.
        UsageError: There is no vault, or no such source.
    """
    vault = existing_vault(home)
    sources = Sources(vault.path.parent, ask=ask)
    with locked(vault.path.with_name("rotation.lock"), PATIENCE, "changing the vault's key"):
        return _rotate(vault, sources, to, progress or (lambda done, total: None))


def rotation_pending(header: Mapping[str, str]) -> bool:
    """True if a rotation began and did not end: two keys are in use."""
    return PREVIOUS in header


def _rotate(vault: Vault, sources: Sources, to: str | None, progress: Progress) -> Rotated:
    header = vault.header()
    refuse_locked(header)
    source = sources.of(header)
    target = sources.of({**header, "key_source": to}) if to else source
    cipher = cipher_of(header, source)
    if rotation_pending(header):
        finished = replace(_finish(vault, sources, cipher, progress), resumed=True)
        if same_place(source, target):
            return finished
        header = vault.header()
    refuse_newer_records(vault.database)
    return _finish(vault, sources, _introduce(vault, header, cipher, sources, target), progress)


def _introduce(
    vault: Vault, header: Mapping[str, str], cipher: Cipher, sources: Sources, target: KeySource
) -> Cipher:
    """Make the new key at the target and have the header name it; return the cipher of both keys."""
    present = key_name(header)
    name = replace(present, number=present.number + 1, recipe="")
    new = target.create(name, cipher.key)
    both = Cipher(new.key, cipher.key, vault_id=name.vault_id, fingerprint_key=cipher.fingerprint_key)
    vault.change_header(
        {
            "key_source": sources.header_name(target),
            "key_number": str(name.number),
            "key_recipe": new.recipe,
            "key_check": check_value(new.key, name.vault_id),
            "key_id": both.key_id,
            "key_created_at": str(int(time.time())),
            FINGERPRINTS: both.wrap(FINGERPRINTS, cipher.fingerprint_key),
            PREVIOUS: both.wrap(PREVIOUS, cipher.key),
            PREVIOUS_SOURCE: header["key_source"],
        }
    )
    return both


def _finish(vault: Vault, sources: Sources, cipher: Cipher, progress: Progress) -> Rotated:
    """Do what is left once the header names the new key; any part of it may have been done before."""
    header = vault.header()
    resealed, unopened = reseal_all(vault.database, cipher, progress)
    notices = _retire(header, sources, cipher)
    vault.change_header({PREVIOUS: None, PREVIOUS_SOURCE: None})
    with suppress(StorageError):  # the log may still have records under the former key
        vault.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    target = sources.of(header)
    return Rotated(target.name, resealed, unopened, notices=(*notices, *_environment(sources, target)))


def _retire(header: Mapping[str, str], sources: Sources, cipher: Cipher) -> tuple[str, ...]:
    """Take the former key out of its source; return what is left to a person."""
    source = sources.of({**header, "key_source": header[PREVIOUS_SOURCE]})
    present = key_name(header)
    former = replace(present, number=present.number - 1)
    key, where = cipher.unwrap(PREVIOUS, header[PREVIOUS]), source.name
    try:
        if isinstance(source, FileSource) and sources.header_name(source) != "file":
            # Such a file is its owner's, and may have been given to several vaults.
            line = source.line_of(key)
            if line is None:
                return ()
            where = f"{source.name}, line {line}"
        elif source.forget(former, key):
            return ()
        why = "take it out there, unless another vault needs it"
    except KeyUnavailable as caught:
        why = caught.message
    return (f"the former key is still in {where}: {why}",)


def _environment(sources: Sources, target: KeySource) -> tuple[str, ...]:
    with suppress(UsageError):
        named = sources.from_environment()
        if named is not None and not same_place(named, target):
            return (f"{SOURCE_VARIABLE} still names {named.name}: unset it, or have it name {target.name}",)
    return ()
