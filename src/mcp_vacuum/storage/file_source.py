"""A key file as a key source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_vacuum.errors import KeyUnavailable, StorageError
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.home import read_private_file, replace_private_file, write_private_file
from mcp_vacuum.storage.key_source import KeyName, NewKey, checked_keys
from mcp_vacuum.storage.lease import locked

KEY_FILE_COMMENT = b"# The key of an mcp-vacuum vault. Without it the logins kept there cannot be opened.\n"
KEY_FILE = "vault.key"
PATIENCE = 10.0
"""Seconds to wait for another process that writes the file."""


class FileSource:
    """A file that only its owner may read: comment lines, and a key a line, the newest first.

    Several vaults may share a file, so a line is only removed where `forget` is called.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.name = f"file:{self.path}"

    def read(self, name: KeyName) -> tuple[bytes, ...]:
        """Return the keys in the file, whichever vault asks; none if there is no file.

        Raises:
            KeyUnavailable: The file is another user's, readable by others, or holds no key.
        """
        with self._in_words():
            try:
                text = read_private_file(self.path).decode("ascii", "replace")
            except FileNotFoundError:
                return ()
        lines = (line for line in text.splitlines() if not line.startswith("#"))
        return checked_keys("\n".join(lines), f"the key file {self.path}")

    def create(self, name: KeyName, present: bytes | None = None) -> NewKey:
        """Return the key that is already in the file, else put a new one in, above the others.

        Raises:
            KeyUnavailable: As for `read`, or the file cannot be written.
        """
        keys = self.read(name)
        if not keys:
            with self._in_words():
                write_private_file(self.path, _content((new_key(),)))
            keys = self.read(name)
        fresh = next((key for key in keys if key != present), None)
        return NewKey(fresh or self._add(new_key()))

    def line_of(self, key: bytes) -> int | None:
        """Return in which line of the file, counted from 1, a key stands; None if it stands in none.

        Raises:
            KeyUnavailable: The file cannot be read.
        """
        with self._in_words():
            lines = [line.strip() for line in read_private_file(self.path).splitlines()]
        return lines.index(key) + 1 if key in lines else None

    def forget(self, name: KeyName, key: bytes) -> bool:
        """Take a key out of the file; a file that has no other key is deleted.

        Raises:
            KeyUnavailable: As for `create`.
        """
        with self._alone():
            left = tuple(each for each in self.read(name) if each != key)
            if left:
                replace_private_file(self.path, _content(left))
            else:
                self.path.unlink(missing_ok=True)
        return True

    def _add(self, key: bytes) -> bytes:
        with self._alone():
            replace_private_file(self.path, _content((key, *self.read(KeyName("")))))
        return key

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = self.path.with_name(f"{self.path.name}.lock")
        with self._in_words(), locked(lock, PATIENCE, f"changing {self.path}"):
            yield

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except KeyUnavailable:
            raise
        except StorageError as caught:
            raise KeyUnavailable(f"the key file: {caught.message}", hint=caught.hint) from caught
        except OSError as caught:
            raise KeyUnavailable(
                f"the key file {self.path}: {caught.strerror or caught}", hint="make its directory yours"
            ) from caught


def _content(keys: tuple[bytes, ...]) -> bytes:
    return KEY_FILE_COMMENT + b"".join(key + b"\n" for key in keys)
