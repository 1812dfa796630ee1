"""The environment as a key source."""

from __future__ import annotations

import os

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.storage.key_source import (
    HOW_TO_MAKE_A_KEY,
    KEY_VARIABLE,
    KeyName,
    NewKey,
    another,
    checked_keys,
)

HOW_TO_CHANGE_IT = f"set {KEY_VARIABLE} to the new key, a space, and the present one"


class EnvSource:
    """`MCP_VACUUM_KEY`, read once and removed, so that no child process inherits it.

    It may hold several keys, the newest first: that is how a key is changed.
    """

    name = "env"
    _taken: tuple[bytes, ...] = ()

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Return the keys from the environment; the process remembers them after the variable is gone.

        Raises:
            KeyUnavailable: The variable holds something that is no key.
        """
        text = os.environ.pop(KEY_VARIABLE, None)
        if text:
            EnvSource._taken = checked_keys(text, KEY_VARIABLE)
        return EnvSource._taken

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Return the key from the environment.

        Raises:
            KeyUnavailable: The variable is not set, holds no key, or only the present one.
        """
        found = another(self.read(name), present, KEY_VARIABLE, HOW_TO_CHANGE_IT)
        if found is None:
            raise KeyUnavailable(f"{KEY_VARIABLE} is not set", hint=HOW_TO_MAKE_A_KEY)
        return found

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Say that only its owner can take the key out of what sets the variable."""
        return False


def taken_key() -> str | None:
    """Return the text of `MCP_VACUUM_KEY` that this process took, to hand it to an agent; None if none."""
    return b" ".join(EnvSource._taken).decode() or None
