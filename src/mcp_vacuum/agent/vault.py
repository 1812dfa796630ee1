"""How the agent opens the vault: what was typed or set elsewhere reaches the key source that asks for it."""

from __future__ import annotations

import os
from pathlib import Path

from mcp_vacuum.errors import AgentUnavailable, VaultLocked
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.key_source import KEY_VARIABLE, Ask
from mcp_vacuum.storage.opening import open_store, unlock_vault, vault_header
from mcp_vacuum.storage.passphrase_source import PassphraseSource


def opened(home: Path, told: Secret | None) -> CredentialStore | None:
    """Open the vault; None if it is locked, or if a person has to type something first.

    Raises:
        AgentUnavailable: There is no vault.
        StorageError: It or its key cannot be used.
    """
    header = vault_header(home)
    if header is None:
        raise AgentUnavailable("there is no vault yet", hint="mcp-vacuum login URL")
    if told is None and header.get("key_source") in (PassphraseSource.name, EnvSource.name):
        return None
    try:
        return open_store(home, create=False, ask=_answer(header, told))
    except VaultLocked:
        return None


def unlocked(home: Path, told: Secret | None) -> CredentialStore:
    """Unlock the vault and return it opened.

    Raises:
        KeyUnavailable: What was told is wrong, or the key source does not answer; it stays locked.
        StorageError: The vault cannot be used; it stays locked.
    """
    return unlock_vault(home, _answer(vault_header(home) or {}, told))


def _answer(header: dict[str, str], told: Secret | None) -> Ask:
    """Put a key where its source looks for it, and return what answers a source that asks a person."""
    if told is not None and header.get("key_source") == EnvSource.name:
        os.environ[KEY_VARIABLE] = told.reveal()  # in this memory only; it is read and removed at once
    return lambda _prompt: told.reveal() if told is not None else ""
