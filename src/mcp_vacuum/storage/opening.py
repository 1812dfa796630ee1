"""Opening the user's vault, or making it: the one way to a `CredentialStore`."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_vacuum.errors import UsageError
from mcp_vacuum.storage.cipher import Cipher, check_value, new_key
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.home import state_home
from mcp_vacuum.storage.locking import LOCKED, YES, refuse_locked

if TYPE_CHECKING:
    from mcp_vacuum.storage.key_source import Ask
    from mcp_vacuum.storage.keys import Sources
    from mcp_vacuum.storage.vault import Vault

VAULT_FILE = "vault.db"


def open_store(
    home: Path | None = None, *, service_name: str = "mcp-vacuum", create: bool = True, ask: Ask | None = None
) -> CredentialStore | None:
    """Open the user's vault; make one where there is none.

    Args:
        home: The directory of the vault; `state_home()` if absent.
        service_name: Under which a **new** vault's key is kept in the keyring.
        create: False creates nothing, not even a directory.
        ask: How a passphrase is asked for, where that is the key; the terminal if absent.

    Returns:
        The store; None only where there is no vault and `create` is False.

    Raises:
        VaultLocked: Its owner locked it; its key was not asked for.
        KeyUnavailable: The key is missing, locked or not this vault's; nothing was changed.
        StorageError: The vault or its directory cannot be used.
        UsageError: `MCP_VACUUM_KEY_SOURCE` names no source.
    """
    vault = _vault(home)
    if not vault.exists():
        made = _create(vault, service_name, ask) if create else None
        if made or not create:
            return made
    refuse_locked(vault.header())
    return _unlocked(vault, ask)


def vault_header(home: Path | None = None) -> dict[str, str] | None:
    """Return what the vault says about itself; None where there is none. No key is asked for.

    Raises:
        StorageError: The vault cannot be read.
    """
    vault = _vault(home)
    return vault.header() if vault.exists() else None


def vault_location(home: Path) -> str:
    """Return what `CredentialStore.location` of the vault in `home` is, without opening it."""
    return f"vault:{os.path.realpath(home / VAULT_FILE)}"


def lock_vault(home: Path | None = None) -> None:
    """Lock the vault, whether its key is at hand or not.

    Raises:
        UsageError: There is no vault.
        StorageError: It cannot be written; it is as it was.
    """
    existing_vault(home).change_header({LOCKED: YES})


def unlock_vault(home: Path | None = None, ask: Ask | None = None) -> CredentialStore:
    """Unlock the vault and return it opened: its key has to be shown first. One that is not locked is opened.

    Raises:
        UsageError: There is no vault.
        KeyUnavailable: The key is missing or not this vault's; it stays locked.
        StorageError: The vault cannot be used; it stays locked.
    """
    vault = existing_vault(home)
    store = _unlocked(vault, ask)
    store.set_locked(False)
    return store


def memory_store() -> CredentialStore:
    """Return a store that ends with this process, sealed under a key that nobody else has."""
    from mcp_vacuum.storage.memory import MemoryRecordStore

    records, cipher = MemoryRecordStore(), Cipher(new_key())
    records.change_header({"key_id": cipher.key_id})
    return CredentialStore(records, cipher)


def _vault(home: Path | None) -> Vault:
    from mcp_vacuum.storage.vault import Vault

    return Vault((state_home() if home is None else home) / VAULT_FILE)


def existing_vault(home: Path | None) -> Vault:
    """Return the vault of a home.

    Raises:
        UsageError: There is none.
    """
    vault = _vault(home)
    if not vault.exists():
        raise UsageError(f"there is no vault at {vault.path}", hint="mcp-vacuum login URL makes one")
    return vault


def _unlocked(vault: Vault, ask: Ask | None) -> CredentialStore:
    from mcp_vacuum.storage.keys import Sources, steadily, unlock

    sources = Sources(vault.path.parent, ask=ask)
    unlocked = steadily(vault.header, lambda header: unlock(header, sources))
    renew = partial(_renewed, vault, sources)
    return CredentialStore(vault, unlocked.cipher, key_source=unlocked.source.name, renew=renew)


def _renewed(vault: Vault, sources: Sources) -> tuple[Cipher, str]:
    from mcp_vacuum.storage.keys import steadily, unlock_again

    unlocked = steadily(vault.header, lambda header: unlock_again(header, sources))
    return unlocked.cipher, unlocked.source.name


def _create(vault: Vault, service_name: str, ask: Ask | None) -> CredentialStore | None:
    """Make a vault with its key; None if another process was faster."""
    from mcp_vacuum.storage.keys import Sources, choose_key_source

    sources = Sources(vault.path.parent, service_name, ask)
    with vault.creation():
        if vault.exists():
            return None
        vault_id = os.urandom(16).hex()
        chosen = choose_key_source(sources, vault_id)
        cipher = Cipher(chosen.new.key, vault_id=vault_id)
        vault.create(
            {
                "vault_id": vault_id,
                "key_source": sources.header_name(chosen.source),
                "key_recipe": chosen.new.recipe,
                "keyring_service": service_name,
                "key_check": check_value(chosen.new.key, vault_id),
                "created_at": str(int(time.time())),
            }
        )
    return CredentialStore(
        vault,
        cipher,
        key_source=chosen.source.name,
        notice=chosen.notice,
        renew=partial(_renewed, vault, sources),
    )
