"""The system keyring as a key source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.patience import answered
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.key_source import KeyName, NewKey, checked_key

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE_NAME = "mcp-vacuum"
KEYRING_DEADLINE = 2.0
"""Seconds for a keyring to answer: a locked or missing one may wait for a prompt that nobody sees."""
UNFIT = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.")


class KeyringSource:
    """The system keyring: one item per vault, named by the vault's id and its key's number."""

    name = "keyring"

    def __init__(self, service_name: str = SERVICE_NAME, deadline: float = KEYRING_DEADLINE) -> None:
        self.service_name = service_name
        self._deadline = deadline

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Return the vault's key from the first keyring that has it.

        Raises:
            KeyUnavailable: No keyring works, or it is locked, or it does not answer in time.
        """
        text = self._ask(lambda: self._find(item(name)))
        return () if text is None else (checked_key(text, "the keyring item"),)

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Write an item of its own and read it back: only that shows that a keyring works.

        Raises:
            KeyUnavailable: As for `read`, or the item did not come back as it was written.
        """
        if kept := self.read(name):
            return NewKey(kept[0])
        key = new_key()
        self._ask(lambda: self._keep(item(name), key.decode()))
        return NewKey(key)

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Delete the item; one that is gone already is no error.

        Raises:
            KeyUnavailable: As for `read`.
        """
        self._ask(lambda: self._delete(item(name)))
        return True

    def _find(self, user: str) -> str | None:
        trouble: Exception | None = None
        for keyring in _keyrings():
            try:
                if text := keyring.get_password(self.service_name, user):
                    return text
            except Exception as caught:  # noqa: BLE001  (a backend raises what it likes; the next may have it)
                trouble = trouble or caught
        if trouble:
            raise trouble
        return None

    def _keep(self, user: str, text: str) -> None:
        keyring = _keyrings()[0]
        keyring.set_password(self.service_name, user, text)
        if keyring.get_password(self.service_name, user) != text:
            keyring.delete_password(self.service_name, user)
            raise RuntimeError("it did not give back what was put in")

    def _delete(self, user: str) -> None:
        for keyring in _keyrings():
            if keyring.get_password(self.service_name, user):
                keyring.delete_password(self.service_name, user)

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return answered(question, self._deadline)
        except Exception as caught:  # noqa: BLE001  (D-Bus, macOS and Windows each have their own)
            raise KeyUnavailable(
                f"no working keyring ({_keyring_cause(caught, self._deadline)})",
                hint="start or unlock the system keyring, answer its prompt if there is one, and try again",
            ) from None


def item(name: KeyName) -> str:
    """Return what the item of a key is called."""
    return f"vault:{name.vault_id}" + (f":{name.number}" if name.number > 1 else "")


def _keyrings() -> list[KeyringBackend]:
    import keyring
    from keyring.backends.chainer import ChainerBackend
    from keyring.errors import NoKeyringError

    found = keyring.get_keyring()
    backends = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    fit = [each for each in backends if not _unfit(each)]
    if not fit:
        names = ", ".join(type(each).__module__ for each in backends) or "nothing"
        raise NoKeyringError(f"only {names} is there")
    return fit


def _unfit(backend: KeyringBackend) -> bool:
    """True for a backend that keeps nothing or keeps it in plain text."""
    return any(base.__module__.startswith(UNFIT) for base in type(backend).__mro__)


def _keyring_cause(caught: Exception, deadline: float) -> str:
    if isinstance(caught, TimeoutError):
        return f"it did not answer within {deadline:g} s; it may be locked or waiting for a prompt"
    if isinstance(caught, ImportError):
        return "the package keyring is not installed"
    if type(caught).__name__ == "KeyringLocked":
        return "it is locked"
    text = " ".join(str(caught).split())[:120]
    return text or type(caught).__name__
