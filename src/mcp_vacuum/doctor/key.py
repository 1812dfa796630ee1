"""The vault's key: where the header says it is, and whether that place answers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mcp_vacuum.doctor.finding import Finding, failed_with, ok, skipped, warn
from mcp_vacuum.doctor.vault import VaultFile
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.patience import answered
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.key_source import KEY_VARIABLE, SOURCE_VARIABLE, Ask
from mcp_vacuum.storage.keyring_source import KEYRING_DEADLINE, UNFIT
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.passphrase_source import PassphraseSource

SLOW = 1.0
"""Seconds after which a key source makes itself felt in every command."""


@dataclass(frozen=True, slots=True)
class Key:
    """The facts.

    Attributes:
        source: What the header names; what a new vault would use, where there is none (None: not decided).
        needed: There is a vault, and its file can be opened.
        seconds: How long the source took; of a passphrase, with the person who typed it.
        error: Why there is no key; None if there is one.
        keyring: The keyring that is in use here; None if none works, or it was not asked.
        variable_set: `MCP_VACUUM_KEY` is in the environment.
    """

    source: str | None = None
    needed: bool = False
    seconds: float = 0.0
    error: VacuumError | None = None
    keyring: str | None = None
    variable_set: bool = False


def look_at_key(home: Path, vault: VaultFile, ask: Ask | None = None) -> tuple[Key, CredentialStore | None]:
    """Gather the facts, and open the store if it can be opened. The key source is asked once.

    Args:
        home: The state directory.
        vault: What is known of its file.
        ask: How a passphrase is asked for; the terminal if absent.
    """
    variable_set = bool(os.environ.get(KEY_VARIABLE))
    named = (vault.header or {}).get("key_source") or (os.environ.get(SOURCE_VARIABLE) or None)
    keyring = keyring_name() if named in (None, "keyring") else None
    facts = Key(named, vault.openable, keyring=keyring, variable_set=variable_set)
    if not vault.openable:
        return facts, None
    began = time.monotonic()
    try:
        store = open_store(home, create=False, ask=ask)
    except VacuumError as error:
        return replace(facts, seconds=time.monotonic() - began, error=error), None
    return replace(facts, seconds=time.monotonic() - began), store


def keyring_name() -> str | None:
    """Return the name of the keyring that would be asked; None if there is none that keeps secrets."""
    try:
        return answered(_keyring_name, KEYRING_DEADLINE)
    except Exception:  # noqa: BLE001  (a backend raises what it likes; the name is a courtesy)
        return None


def _keyring_name() -> str | None:
    import keyring
    from keyring.backends.chainer import ChainerBackend

    found = keyring.get_keyring()
    backends = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    names = [type(each).__module__ for each in backends]
    fit = [name.removeprefix("keyring.backends.") for name in names if not name.startswith(UNFIT)]
    return fit[0] if fit else None


def check_key(facts: Key) -> Iterator[Finding]:
    """Judge the facts."""
    yield check_source(facts)
    yield from check_key_variable(facts)


def check_source(facts: Key) -> Finding:
    """See that the source answers with the vault's key."""
    source = told(facts)
    if not facts.needed:
        return skipped("key", f"no vault to open; a new one would use {source}")
    if facts.error is not None:
        return failed_with("key", facts.error)
    if facts.source == PassphraseSource.name:
        return ok("key", f"{source} opens this vault; every command without the agent asks for it")
    took = f"answered in {facts.seconds:.2f} s"
    if facts.seconds > SLOW:
        return warn("key", f"{source} {took}", "every command without the agent waits for it")
    if facts.source == "env":
        return ok("key", f"{source}: it is the key of this vault")
    return ok("key", f"{source} {took}")


def check_key_variable(facts: Key) -> Iterator[Finding]:
    """Say that a key lies in the environment for nothing."""
    if facts.variable_set and facts.source != "env":
        yield warn(
            "key-variable",
            f"{KEY_VARIABLE} is set, and this vault's key does not come from there",
            "every program started from this shell inherits it",
            f"unset {KEY_VARIABLE}",
        )


def told(facts: Key) -> str:
    """Name the source for a person; the words of a key command may hold a secret and are left out."""
    if facts.source is None:
        return f"the keyring ({facts.keyring})" if facts.keyring else "a key file: no keyring works here"
    if facts.source == "keyring":
        return f"the keyring ({facts.keyring or 'none works here'})"
    if facts.source == "env":
        return f"the variable {KEY_VARIABLE}"
    if facts.source == PassphraseSource.name:
        return "the passphrase"
    word, _, rest = facts.source.partition(":")
    if word == "command":
        return f"the key command {rest.split()[0] if rest.split() else ''}"
    return f"the key file {rest}" if rest else "the key file"
