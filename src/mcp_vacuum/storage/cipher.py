"""The cipher: what seals and opens records under the vault's key."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NoReturn

from mcp_vacuum.errors import StorageError
from mcp_vacuum.safety.secret import Secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet


class Cipher:
    """What seals and opens records. Holds the vault's key; `repr` and pickle do not show it."""

    __slots__ = ("_fernet", "_fingerprint_key", "_ids", "_invalid", "_key")

    def __init__(
        self, key: bytes, *older: bytes, vault_id: str = "", fingerprint_key: bytes | None = None
    ) -> None:
        """Seal with `key`, open with it or an older one; each is a urlsafe base64 Fernet key.

        Args:
            key: The vault's key.
            older: Its former keys, the newest first.
            vault_id: The vault that they are keys of.
            fingerprint_key: What fingerprints are made under; one derived from `key` if absent.

        Raises:
            ValueError: A key is not 32 bytes of urlsafe base64.
        """
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet

        first = Fernet(key)
        self._fernet: Fernet | MultiFernet = first
        if older:
            self._fernet = MultiFernet([first, *map(Fernet, older)])
        self._invalid = InvalidToken
        self._key = key
        self._ids = tuple(key_id_of(check_value(each, vault_id)) for each in (key, *older))
        self._fingerprint_key = fingerprint_key

    @property
    def key_id(self) -> str:
        """What the rows that are sealed here name as their key."""
        return self._ids[0]

    @property
    def key(self) -> bytes:
        """The key itself: for whoever changes it, and for nobody else."""
        return self._key

    def opens(self, key_id: str) -> bool:
        """True for the name of a key that is at hand here."""
        return key_id in self._ids

    def encrypt(self, plain: bytes) -> bytes:
        """Return a Fernet token under the first key."""
        return self._fernet.encrypt(plain)

    def decrypt(self, token: bytes) -> bytes | None:
        """Return the plain bytes, or None if no key opens the token."""
        try:
            return self._fernet.decrypt(token)
        except self._invalid:
            return None

    def fingerprint(self, secret: Secret) -> str:
        """HMAC-SHA256 in hex of a refresh token, for the journal; nobody can test a guess without the key."""
        return _hmac_hex(self.fingerprint_key, secret.reveal())

    @property
    def fingerprint_key(self) -> bytes:
        """What fingerprints are made under. It outlives the vault's key: a journal has to be understood."""
        if self._fingerprint_key is None:
            self._fingerprint_key = _derived(self._key, b"mcp-vacuum fingerprint v1")
        return self._fingerprint_key

    def wrap(self, purpose: str, value: bytes) -> str:
        """Seal a value for the vault's header; it opens for this purpose only."""
        return self.encrypt(purpose.encode() + b":" + value).decode()

    def unwrap(self, purpose: str, text: str) -> bytes:
        """Open what `wrap` sealed.

        Raises:
            StorageError: The header was changed; nothing else was.
        """
        plain = self.decrypt(text.encode("ascii", "replace"))
        named, _, value = (plain or b"").partition(b":")
        if plain is None or named != purpose.encode():
            raise StorageError(
                f"the vault's header is damaged ({purpose}); nothing was changed",
                hint="restore the vault from a backup",
            )
        return value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cipher is never pickled")


def check_value(key: bytes, vault_id: str) -> str:
    """What a vault's header keeps to tell a wrong key from damage; reveals nothing of the key."""
    return _hmac_hex(_derived(key, b"mcp-vacuum key check v1"), vault_id)


def key_id_of(check: str) -> str:
    """Return the name of a key: the beginning of its check value."""
    return check[:16]


def _derived(key: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)


def new_key() -> bytes:
    """Return a fresh Fernet key: 32 random bytes as 44 characters of urlsafe base64."""
    import base64
    import os

    return base64.urlsafe_b64encode(os.urandom(32))


def _hmac_hex(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()
