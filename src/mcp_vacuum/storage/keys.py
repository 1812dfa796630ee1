"""Key sources: where the one key of a vault comes from.

A source is chosen once, when a vault is created, and its name is written in the vault's header. No source
ever replaces a key: what exists and cannot be used is an error with its cause.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from mcp_vacuum.errors import KeyUnavailable, StorageError, UsageError
from mcp_vacuum.storage.envelope import Cipher, new_key
from mcp_vacuum.storage.home import read_private_file, write_private_file

if TYPE_CHECKING:
    import subprocess

    from keyring.backend import KeyringBackend

T = TypeVar("T")

SOURCE_VARIABLE = "MCP_VACUUM_KEY_SOURCE"
KEY_VARIABLE = "MCP_VACUUM_KEY"
SERVICE_NAME = "mcp-vacuum"
KEYRING_DEADLINE = 2.0
"""Seconds for a keyring to answer: a locked or missing one may wait for a prompt that nobody sees."""
COMMAND_DEADLINE = 30.0
"""Seconds for a key command."""
KEY_FILE_COMMENT = b"# The key of an mcp-vacuum vault. Without it the logins kept there cannot be opened.\n"
KEY_FILE = "vault.key"
UNFIT = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.")
CHOICES = "keyring, file[:PATH], env, command:CMD"
HOW_TO_MAKE_A_KEY = (
    'python -c "import base64,os;print(base64.urlsafe_b64encode(os.urandom(32)).decode())"  makes one'
)


class KeySource(Protocol):
    """A place that has, or can make, the key of a vault."""

    @property
    def name(self) -> str:
        """``keyring``, ``file:/path``, ``env`` or ``command:...``."""
        ...

    def read(self, vault_id: str) -> bytes | None:
        """Return the vault's Fernet key, or None if this source has none for it.

        Raises:
            KeyUnavailable: The source itself is missing, locked or unreadable.
        """
        ...

    def create(self, vault_id: str) -> bytes:
        """Return the key for a new vault: a new one, or the one that a person put there beforehand.

        Raises:
            KeyUnavailable: The source cannot keep a key, or what it holds is no key.
        """
        ...


class KeyringSource:
    """The system keyring: one item per vault, named by the vault's id."""

    name = "keyring"

    def __init__(self, service_name: str = SERVICE_NAME, deadline: float = KEYRING_DEADLINE) -> None:
        self.service_name = service_name
        self._deadline = deadline

    def read(self, vault_id: str) -> bytes | None:
        """Return the vault's key from the first keyring that has it.

        Raises:
            KeyUnavailable: No keyring works, or it is locked, or it does not answer in time.
        """
        text = self._ask(lambda: self._find(f"vault:{vault_id}"))
        return None if text is None else checked_key(text, "the keyring item")

    def create(self, vault_id: str) -> bytes:
        """Write the real item and read it back: only that shows that a keyring works.

        Raises:
            KeyUnavailable: As for `read`, or the item did not come back as it was written.
        """
        key = new_key()
        self._ask(lambda: self._keep(f"vault:{vault_id}", key.decode()))
        return key

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

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return _within(self._deadline, question)
        except Exception as caught:  # noqa: BLE001  (D-Bus, macOS and Windows each have their own)
            raise KeyUnavailable(
                f"no working keyring ({_keyring_cause(caught, self._deadline)})",
                hint="start or unlock the system keyring, answer its prompt if there is one, and try again",
            ) from None


class FileSource:
    """A file that only its owner may read: a comment line and the key."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.name = f"file:{self.path}"

    def read(self, vault_id: str) -> bytes | None:
        """Return the key in the file, whichever vault asks; None if there is no file.

        Raises:
            KeyUnavailable: The file is another user's, readable by others, or holds no key.
        """
        try:
            text = read_private_file(self.path).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except StorageError as caught:
            raise KeyUnavailable(f"the key file: {caught.message}", hint=caught.hint) from caught
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return checked_key("".join(lines), f"the key file {self.path}")

    def create(self, vault_id: str) -> bytes:
        """Return the key that is already in the file, else make the file (0600) with a new one.

        Raises:
            KeyUnavailable: As for `read`, or the file cannot be written.
        """
        if (key := self.read(vault_id)) is not None:
            return key
        try:
            write_private_file(self.path, KEY_FILE_COMMENT + new_key() + b"\n")
        except StorageError as caught:
            raise KeyUnavailable(f"the key file: {caught.message}", hint=caught.hint) from caught
        key = self.read(vault_id)
        if key is None:
            raise KeyUnavailable(f"the key file {self.path} vanished as it was made", hint="try again")
        return key


class EnvSource:
    """`MCP_VACUUM_KEY`, read once and removed, so that no child process inherits it."""

    name = "env"
    _taken: bytes | None = None

    def read(self, vault_id: str) -> bytes | None:
        """Return the key from the environment; the process remembers it after the variable is gone.

        Raises:
            KeyUnavailable: The variable holds no key.
        """
        text = os.environ.pop(KEY_VARIABLE, None)
        if text:
            EnvSource._taken = checked_key(text, KEY_VARIABLE)
        return EnvSource._taken

    def create(self, vault_id: str) -> bytes:
        """Return the key from the environment.

        Raises:
            KeyUnavailable: The variable is not set or holds no key.
        """
        key = self.read(vault_id)
        if key is None:
            raise KeyUnavailable(f"{KEY_VARIABLE} is not set", hint=HOW_TO_MAKE_A_KEY)
        return key


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

    def read(self, vault_id: str) -> bytes:
        """Run the command, without a shell, and return the key that it prints.

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
        return checked_key(text, f"the output of the key command {self._words[0]}")

    def create(self, vault_id: str) -> bytes:
        """Return the key that the command prints; a person has put it there beforehand."""
        return self.read(vault_id)

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


@dataclass(frozen=True, slots=True)
class Chosen:
    """The key source of a new vault.

    Attributes:
        source: Where the key is kept.
        key: The key itself, a urlsafe base64 Fernet key.
        notice: What has to be said aloud once, or None.
    """

    source: KeySource
    key: bytes = field(repr=False)
    notice: str | None = None


def choose_key_source(home: Path, vault_id: str, service_name: str = SERVICE_NAME) -> Chosen:
    """Choose for a **new** vault: what the environment names, else a keyring that works, else a key file.

    Raises:
        KeyUnavailable: The source that the environment names cannot keep a key.
        UsageError: The environment names no source that there is.
    """
    named = source_from_environment(home, service_name)
    if named is not None:
        return Chosen(named, named.create(vault_id))
    keyring = KeyringSource(service_name)
    try:
        return Chosen(keyring, keyring.create(vault_id))
    except KeyUnavailable as caught:
        file = FileSource(home / KEY_FILE)
        notice = f"{caught.message}; the vault's key is in {file.path} (0600)"
        return Chosen(file, file.create(vault_id), notice)


def unlock(header: Mapping[str, str], home: Path) -> tuple[KeySource, Cipher]:
    """Return the source and the cipher of an existing vault. No key is ever made here.

    Args:
        header: The vault's header: `vault_id`, `key_source`, `keyring_service`, `key_check`.
        home: The directory that holds the vault.

    Raises:
        KeyUnavailable: The source is missing or locked, the environment names another one, or the key is not
            this vault's.
        StorageError: The header is not complete.
    """
    if missing := {"vault_id", "key_source", "key_check"} - header.keys():
        raise StorageError(
            f"the vault's header lacks {', '.join(sorted(missing))}; nothing was changed",
            hint="restore the vault from a backup",
        )
    source = source_named(header["key_source"], home, header.get("keyring_service") or SERVICE_NAME)
    _refuse_another(source, source_from_environment(home))
    key = source.read(header["vault_id"])
    if key is None:
        raise KeyUnavailable(f"the vault's key is missing from {source.name}", hint=_fix(source))
    cipher = Cipher(key)
    if not hmac.compare_digest(cipher.check_value(header["vault_id"]), header["key_check"]):
        raise KeyUnavailable(
            f"the key from {source.name} is not the key of this vault; nothing was changed", hint=_fix(source)
        )
    return source, cipher


def source_from_environment(home: Path, service_name: str = SERVICE_NAME) -> KeySource | None:
    """Return the source that `MCP_VACUUM_KEY_SOURCE` names, or None if it names none."""
    text = os.environ.get(SOURCE_VARIABLE)
    return source_named(text, home, service_name) if text else None


def source_named(text: str, home: Path, service_name: str = SERVICE_NAME) -> KeySource:
    """Return the source called `text`, as in `MCP_VACUUM_KEY_SOURCE` and in a vault's header.

    Raises:
        UsageError: There is no such source.
    """
    word, _, rest = text.partition(":")
    if word == "file":
        return FileSource(Path(rest).expanduser() if rest else home / KEY_FILE)
    if word == "command" and rest:
        return CommandSource(rest)
    if text == "keyring":
        return KeyringSource(service_name)
    if text == "env":
        return EnvSource()
    why = (
        "a passphrase comes in a later version"
        if word == "passphrase"
        else f"there is no key source {text!r}"
    )
    raise UsageError(f"{SOURCE_VARIABLE}: {why}", hint=f"one of: {CHOICES}")


def header_name(source: KeySource, home: Path) -> str:
    """Return what the header keeps: the name, but `file` for the default file: so a home may be moved."""
    return "file" if source.name == FileSource(home / KEY_FILE).name else source.name


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


def _refuse_another(source: KeySource, named: KeySource | None) -> None:
    if named is None or _place(named) == _place(source):
        return
    raise KeyUnavailable(
        f"this vault's key comes from {source.name}, but {SOURCE_VARIABLE} names {named.name}",
        hint=f"unset {SOURCE_VARIABLE}; `mcp-vacuum vault rotate-key --to SOURCE` changes a vault's source",
    )


def _place(source: KeySource) -> str:
    return os.path.realpath(source.path) if isinstance(source, FileSource) else source.name


def _fix(source: KeySource) -> str:
    if isinstance(source, FileSource):
        return f"restore {source.path} from a backup"
    if isinstance(source, EnvSource):
        return f"set {KEY_VARIABLE} to the key that the vault was created with"
    if isinstance(source, CommandSource):
        return "have the command print the key that the vault was created with"
    return "log in to the desktop session or restore the keyring in which the vault was created"


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


def _within(seconds: float, question: Callable[[], T]) -> T:
    """Ask in a thread that may be left behind: a keyring's prompt cannot be interrupted."""
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as caught:  # noqa: BLE001  (it is raised again in the thread that asked)
            answer.set_exception(caught)

    threading.Thread(target=ask, name="mcp-vacuum keyring", daemon=True).start()
    return answer.result(timeout=seconds)


def _last_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    # A command that prints its key to stderr must not get it into our message.
    return ": " + re.sub(r"[\w+/=-]{24,}", "***", said)[:160] if said else ""
