"""A passphrase as a key source: the key is made of it with scrypt (RFC 7914) and is kept nowhere.

The passphrase is asked for on the terminal, or by whoever opens the vault. It is never taken from an
argument or from the environment, where other programs see it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sys
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

from mcp_vacuum.errors import KeyUnavailable, StorageError
from mcp_vacuum.storage.key_source import Ask, KeyName, NewKey

SHORTEST = 8
"""Characters of a new passphrase."""
SALT = 16
"""Bytes."""
MOST_MEMORY = 512 * 1024 * 1024
"""Bytes that a header may make us allocate: scrypt takes 128 * n * r."""
MOST_WORK = 2**26
"""Rounds that a header may make us do: n * r * p, about half a minute."""
HINT = "type it again; `mcp-vacuum agent unlock` asks for it in a terminal"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a key is made of a passphrase. It stands in the vault's header, so that it can be made costlier.

    Attributes:
        salt: Hex.
        n, r, p: Scrypt's cost, block size and parallelism: 128 MiB and about half a second.
    """

    salt: str
    n: int = 2**17
    r: int = 8
    p: int = 1

    def text(self) -> str:
        """Return it for the header."""
        return json.dumps({"kdf": "scrypt", **asdict(self)})

    def key(self, passphrase: str) -> bytes:
        """Return the Fernet key: 32 bytes of scrypt's output, as urlsafe base64."""
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        scrypt = Scrypt(salt=bytes.fromhex(self.salt), length=32, n=self.n, r=self.r, p=self.p)
        # One letter has several spellings in Unicode, and each keyboard has its own.
        return base64.urlsafe_b64encode(scrypt.derive(unicodedata.normalize("NFC", passphrase).encode()))


class PassphraseSource:
    """What a person knows. The recipe beside it is in the header."""

    name = "passphrase"

    def __init__(self, ask: Ask | None = None) -> None:
        """Ask with `ask`; None for the terminal."""
        self._ask = ask or ask_on_terminal

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Ask for the passphrase and make the key of it; whether it is the right one, the header tells.

        Raises:
            KeyUnavailable: Nobody can be asked, or nothing was typed.
            StorageError: The header's recipe is none that this version follows.
        """
        recipe = recipe_of(name.recipe)
        passphrase = self._ask("Passphrase of the vault: ")
        if not passphrase:
            raise KeyUnavailable("no passphrase was given", hint=HINT)
        return (recipe.key(passphrase),)

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Have a new passphrase typed twice, and make a key of it with a salt of its own.

        Raises:
            KeyUnavailable: Nobody can be asked, it is too short, or the two differ.
        """
        try:
            passphrase = self._ask(f"New passphrase of the vault, at least {SHORTEST} characters: ")
        except KeyUnavailable as caught:  # there is nothing yet that could be unlocked
            raise KeyUnavailable(caught.message, hint="run the same command in a terminal") from None
        if len(passphrase) < SHORTEST:
            raise KeyUnavailable(
                f"the passphrase is too short: {SHORTEST} characters at least", hint="type a longer one"
            )
        if self._ask("The same again: ") != passphrase:
            raise KeyUnavailable("the two passphrases differ; nothing was changed", hint="type it again")
        recipe = Recipe(os.urandom(SALT).hex())
        return NewKey(recipe.key(passphrase), recipe.text())

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Nothing of it was ever kept."""
        return True


def recipe_of(text: str) -> Recipe:
    """Return the recipe in a header, within what this machine can be asked to do.

    Raises:
        StorageError: It is no recipe, or one that would take too much memory or time.
    """
    try:
        recipe = _checked(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError):
        recipe = None
    if recipe is None:
        raise StorageError(
            "the vault's header has no usable recipe for its key; nothing was changed",
            hint="pip install -U mcp-vacuum, or restore the vault from a backup",
        )
    return recipe


def _checked(members: dict[str, Any]) -> Recipe | None:
    recipe = Recipe(*(members[name] for name in ("salt", "n", "r", "p")))
    numbers = (recipe.n, recipe.r, recipe.p)
    if members["kdf"] != "scrypt" or not all(type(each) is int and each > 0 for each in numbers):
        return None
    fits = 128 * recipe.n * recipe.r <= MOST_MEMORY and recipe.n * recipe.r * recipe.p <= MOST_WORK
    power_of_two = recipe.n > 1 and recipe.n & (recipe.n - 1) == 0
    salted = SALT <= len(binascii.unhexlify(recipe.salt)) <= 64
    return recipe if fits and power_of_two and salted else None


def ask_on_terminal(prompt: str) -> str:
    """Ask on the controlling terminal, whatever the standard streams are, without an echo.

    Raises:
        KeyUnavailable: There is no terminal.
    """
    import getpass

    if not _terminal():  # getpass itself would read a passphrase from any pipe
        raise KeyUnavailable(
            "the vault's key is a passphrase, and there is no terminal to ask for it",
            hint="run the same command in a terminal; for tokens `mcp-vacuum agent unlock` is enough",
        )
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""


def _terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin.isatty()
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
