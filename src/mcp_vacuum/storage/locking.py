"""The lock in a vault's header: what refuses every command until its owner unlocks it.

It is a promise that this program keeps, not a cipher: what keeps a stranger out is the key. With a
passphrase for a key, nothing opens the vault without it; with any other source the lock is a convenience.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_vacuum.errors import VaultLocked

LOCKED = "locked"
"""The header's name for it; absent in a vault that was never locked."""
YES, NO = "yes", "no"


def is_locked(header: Mapping[str, str]) -> bool:
    """True if the header says that the vault is locked."""
    return header.get(LOCKED, NO) != NO


def refuse_locked(header: Mapping[str, str]) -> None:
    """Pass if the vault is not locked.

    Raises:
        VaultLocked: It is.
    """
    if is_locked(header):
        raise VaultLocked("the vault is locked", hint="mcp-vacuum agent unlock")
