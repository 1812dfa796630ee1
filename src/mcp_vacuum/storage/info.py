"""What can be said of a vault without its key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcp_vacuum.storage.base import Kind
from mcp_vacuum.storage.locking import is_locked
from mcp_vacuum.storage.opening import existing_vault
from mcp_vacuum.storage.rotation import rotation_pending


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultInfo:
    """A vault, seen from outside.

    Attributes:
        path: The file.
        schema: The version of its tables.
        vault_id: Random; names its items in a keyring.
        key_source: Where its key is.
        created_at, key_created_at: Unix seconds.
        locked: Its owner locked it.
        rotation_pending: A change of its key began and did not end; `vault rotate-key` finishes it.
        logins, registrations, set_aside: How many records there are of each kind.
        size: Bytes of the file.
    """

    path: str
    schema: int
    vault_id: str
    key_source: str
    created_at: int | None
    key_created_at: int | None
    locked: bool
    rotation_pending: bool
    logins: int
    registrations: int
    set_aside: int
    size: int


def vault_info(home: Path | None = None) -> VaultInfo:
    """Describe the vault of a home; no key is asked for.

    Raises:
        UsageError: There is no vault.
        StorageError: It cannot be read.
    """
    vault = existing_vault(home)
    header = vault.header()

    def count(kind: Kind) -> int:
        return len(vault.index(kind))

    created_at = _seconds(header.get("created_at"))
    return VaultInfo(
        path=str(vault.path),
        schema=int(header.get("schema", "1")),
        vault_id=header.get("vault_id", ""),
        key_source=header.get("key_source", ""),
        created_at=created_at,
        key_created_at=_seconds(header.get("key_created_at")) or created_at,
        locked=is_locked(header),
        rotation_pending=rotation_pending(header),
        logins=count("login"),
        registrations=count("client"),
        set_aside=count("damaged"),
        size=vault.path.stat().st_size,
    )


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
