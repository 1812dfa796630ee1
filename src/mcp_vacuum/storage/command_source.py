"""The output of a command as a key source: a password manager, a cloud's key service."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from mcp_vacuum.errors import KeyUnavailable, UsageError
from mcp_vacuum.storage.key_source import (
    KEY_VARIABLE,
    SOURCE_VARIABLE,
    KeyName,
    NewKey,
    another,
    checked_keys,
)

if TYPE_CHECKING:
    import subprocess

COMMAND_DEADLINE = 30.0
"""Seconds for a key command."""


class CommandSource:
    """The output of a command such as ``pass show mcp-vacuum`` or ``op read op://…``."""

    def __init__(self, command: str, deadline: float = COMMAND_DEADLINE) -> None:
        import shlex

        self.name = f"command:{command}"
        self._deadline = deadline
        try:
            self._words = shlex.split(command)
        except ValueError as caught:
            raise UsageError(f"{SOURCE_VARIABLE}: the command cannot be split into words: {caught}") from None
        if not self._words:
            raise UsageError(
                f"{SOURCE_VARIABLE}=command: names no command", hint="command:pass show mcp-vacuum"
            )

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Run the command, without a shell, and return the keys that it prints, the newest first.

        Raises:
            KeyUnavailable: It cannot be started, fails, takes longer than 30 s, or prints no key.
        """
        import subprocess

        try:
            with subprocess.Popen(  # noqa: S603  (the user's own command, split without a shell)
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != KEY_VARIABLE},
            ) as process:
                text = self._output(process)
        except OSError as caught:
            raise self._failed(f"cannot be started: {caught.strerror or caught}") from caught
        return checked_keys(text, f"the output of the key command {self._words[0]}")

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Return the key that the command prints; a person has put it there beforehand.

        Raises:
            KeyUnavailable: As for `read`, or it prints only the present key, or another one each time.
        """
        where = f"the output of the key command {self._words[0]}"
        keys = self.read(name)
        if self.read(name) != keys:
            raise KeyUnavailable(f"{where} is another key each time", hint="have it print a key that is kept")
        found = another(keys, present, where, "have it print the new key, then the present one")
        assert found is not None
        return found

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Say that only its owner can have the command print the key no more."""
        return False

    def _output(self, process: subprocess.Popen[bytes]) -> str:
        import subprocess

        try:
            out, err = process.communicate(timeout=self._deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            raise self._failed(f"did not end within {self._deadline:g} s") from None
        if process.returncode:
            raise self._failed(f"failed with status {process.returncode}{_last_line(err)}")
        return out.decode("ascii", "replace")

    def _failed(self, why: str) -> KeyUnavailable:
        return KeyUnavailable(
            f"the key command {self._words[0]} {why}",
            hint="run it in a terminal; it has to print the key alone",
        )


def _last_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    # A command that prints its key to stderr must not get it into our message.
    return ": " + re.sub(r"[\w+/=-]{24,}", "***", said)[:160] if said else ""
