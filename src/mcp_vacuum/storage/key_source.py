"""What a key source is: a place that has, or can make, the one key of a vault."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mcp_vacuum.errors import KeyUnavailable

Ask = Callable[[str], str]
"""Takes a prompt, has a person answer it unseen, and returns the answer."""

SOURCE_VARIABLE = "MCP_VACUUM_KEY_SOURCE"
KEY_VARIABLE = "MCP_VACUUM_KEY"
HOW_TO_MAKE_A_KEY = (
    'python -c "import base64,os;print(base64.urlsafe_b64encode(os.urandom(32)).decode())"  makes one'
)


@dataclass(frozen=True, slots=True)
class KeyName:
    """Which key of which vault is meant. All of it stands in the vault's header; none of it is secret.

    Attributes:
        vault_id: The vault.
        number: 1 for the key that the vault was created with, one more for each after it.
        recipe: How the key is made of what a person knows; empty for a source that keeps the key itself.
    """

    vault_id: str
    number: int = 1
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that a vault is going to have, and its recipe for the header; see `KeyName`."""

    key: bytes = field(repr=False)
    recipe: str = ""


class KeySource(Protocol):
    """A place that has, or can make, the key of a vault."""

    @property
    def name(self) -> str:
        """``keyring``, ``file:/path``, ``passphrase``, ``env`` or ``command:...``."""
        ...

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Return the Fernet keys that may be meant, the newest first; empty if this source has none.

        Which one it is, the vault's check value tells. There is more than one while a key is changed.

        Raises:
            KeyUnavailable: The source itself is missing, locked or unreadable.
        """
        ...

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Return the key to come: a new one, or the one that was put there beforehand.

        Asked twice for the same name it returns the same key, where the source keeps keys at all: so what
        was interrupted is taken up again. What the source has already is not touched.

        Args:
            name: What the key is going to be called.
            present: The key that the vault has now, and that the new one must not be; None for a new vault.

        Raises:
            KeyUnavailable: The source cannot keep a key, what it holds is no key, or it has only `present`.
        """
        ...

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Remove a key that the vault has no more. True if it is gone; False if only its owner can do that.

        Raises:
            KeyUnavailable: It should have worked and did not.
        """
        ...


def checked_key(text: str, where: str) -> bytes:
    """Return `text` as a Fernet key.

    Raises:
        KeyUnavailable: It is not 32 bytes of urlsafe base64; the text is not shown.
    """
    key = text.strip().encode("ascii", "replace")
    try:
        if len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32:
            return key
    except binascii.Error:
        pass
    raise KeyUnavailable(
        f"{where} is not a key: it has to be 32 bytes of urlsafe base64", hint=HOW_TO_MAKE_A_KEY
    )


def another(keys: tuple[bytes, ...], present: bytes | None, where: str, hint: str) -> NewKey | None:
    """Return the first of the keys that were put somewhere beforehand and that is not `present`.

    Raises:
        KeyUnavailable: There is only the present one.
    """
    found = next((key for key in keys if key != present), None)
    if found is None and keys:
        raise KeyUnavailable(f"{where} has only the key that the vault has already", hint=hint)
    return None if found is None else NewKey(found)


def checked_keys(text: str, where: str) -> tuple[bytes, ...]:
    """Return the keys of a text, one a word; the newest comes first.

    Raises:
        KeyUnavailable: There is none, or a word is no key.
    """
    return tuple(checked_key(word, where) for word in text.split() or [""])
