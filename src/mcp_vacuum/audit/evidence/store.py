"""What is kept on this machine: our own vault, and what other programs left readable.

Everything is looked at, and nothing changed: no vault is made, repaired or brought forward, no key is made,
no agent started, no server asked. The vault's key source is asked once, a person only if the caller can.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_vacuum.audit.evidence.store_files import Files, own_home
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile, look_at_foreign, look_at_servers
from mcp_vacuum.audit.evidence.store_traces import Surroundings, Trace, look_above, look_for_traces
from mcp_vacuum.audit.spotting import SHAPES
from mcp_vacuum.errors import KeyUnavailable, StorageError, VacuumError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret, readable_in
from mcp_vacuum.storage.base import Entry as Row
from mcp_vacuum.storage.entries import Entry, entries, entry
from mcp_vacuum.storage.opening import VAULT_FILE
from mcp_vacuum.storage.reading import Reading, open_records, read_vault

if TYPE_CHECKING:
    from mcp_vacuum.storage.key_source import Ask

DEPTH, MANY = 3, 2000
"""How deep the state directory is searched, and how many entries are looked at."""
MOST_BYTES = 64 * 1024 * 1024
MOST_SECRETS = 300
"""Stored secrets that are searched for in every file: each takes a walk through its bytes."""
_SEALED = re.compile(rb"gAAAA[\w=-]{40,}")
_MEMBERS = re.compile(rb"[\"'](refresh_token|client_secret|access_token)[\"']\s*:\s*[\"'][^\"']{8,}")


@dataclass(frozen=True, slots=True)
class Readable:
    """A secret that stands readable in a file of the state directory."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class VaultSeen:
    """Our vault, without its key.

    Attributes:
        path: The file.
        header: What it says about itself.
        rows: The clear columns of every record.
        key_file: The key file, where the key is in one; None otherwise.
    """

    path: str
    header: Mapping[str, str]
    rows: tuple[Row, ...]
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class StoreEvidence:
    """Everything that the rules of `audit store` look at.

    Attributes:
        home: The state directory, as its owner writes it.
        directory: It; None if there is none.
        entries: What is in it.
        loose: Directories above it that others may write, and that keep no owner's name safe.
        outside: Links in it that lead out of it.
        vault: Our vault; None if there is none, a reason if it cannot be read.
        logins, clients: Its records; a reason if they could not be opened.
        closed: Names of records that do not open.
        readable: What stands readable in the files of the state directory.
        foreign: Files of other programs.
        servers: Names and URLs of the servers that other programs' settings name, by program.
        traces: Secrets where nobody keeps them.
        above: What the state directory lies in.
        unseen: What could not be looked at, and why.
        now: Unix seconds.
    """

    home: str
    directory: Entry | None
    entries: tuple[Entry, ...]
    loose: tuple[str, ...]
    outside: tuple[str, ...]
    vault: VaultSeen | str | None
    logins: tuple[Credential, ...] | str
    clients: tuple[ClientCredentials, ...]
    closed: tuple[str, ...]
    readable: tuple[Readable, ...]
    foreign: tuple[ForeignFile, ...]
    servers: Mapping[str, frozenset[str]]
    traces: tuple[Trace, ...]
    above: Surroundings
    unseen: tuple[str, ...]
    now: float


def collect_store(
    state: Path,
    *,
    person: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    ask: Ask | None = None,
) -> StoreEvidence:
    """Look at everything.

    Args:
        state: The state directory; it need not exist.
        person: The home of the person, in which the files of other programs are; that of this user if absent.
        environ: Where other programs' variables are read.
        ask: How a passphrase is asked for; None asks nobody.
    """
    files = Files(person or own_home())
    files.allow(state)
    vault, logins, clients, closed = _vault(files, state, ask)
    found, directory = tuple(_entries(files, state)), _directory(files, state)
    own = _searched(files, _secrets(logins, clients))
    return StoreEvidence(
        files.shown(state),
        directory,
        found,
        tuple(_loose(files, state)),
        tuple(_outside(files, state, found)),
        vault,
        logins,
        clients,
        closed,
        tuple(_readable(files, state, found, own)),
        look_at_foreign(files, environ),
        look_at_servers(files, environ),
        look_for_traces(files, own),
        look_above(files, state) if directory else Surroundings(),
        tuple(dict.fromkeys(files.unseen)),
        time.time(),
    )


# --- the vault --------------------------------------------------------------------------------------------

Opened = tuple[
    VaultSeen | str | None, tuple[Credential, ...] | str, tuple[ClientCredentials, ...], tuple[str, ...]
]


def _vault(files: Files, state: Path, ask: Ask | None) -> Opened:
    if not files.inside(state / VAULT_FILE):
        why = "the vault is behind a symbolic link that leads out of its directory"
        return why, why, (), ()
    try:
        reading = read_vault(state)
    except StorageError as error:
        return error.message, f"the vault could not be read: {error.message}", (), ()
    if reading is None:
        return None, (), (), ()
    seen = _seen(files, state, reading)
    try:
        records = open_records(reading, ask)
    except VacuumError as error:
        return seen, _why_closed(error, reading, ask), (), ()
    return seen, records.logins, records.clients, tuple(f"{key.kind} {key.name}" for key in records.closed)


def _why_closed(error: VacuumError, reading: Reading, ask: Ask | None) -> str:
    """Say why no record was opened, and what opens them if only nobody was asked."""
    unasked = isinstance(error, KeyUnavailable) and ask is None
    helps = unasked and reading.header.get("key_source") == "passphrase"
    return f"{error.message}; --ask asks" if helps else error.message


def _seen(files: Files, state: Path, reading: Reading) -> VaultSeen:
    word, _, rest = reading.header.get("key_source", "").partition(":")
    key = Path(rest).expanduser() if rest else state / "vault.key"
    return VaultSeen(
        files.shown(reading.path),
        reading.header,
        reading.entries,
        files.shown(key) if word == "file" else None,
    )


def _secrets(
    logins: tuple[Credential, ...] | str, clients: tuple[ClientCredentials, ...]
) -> tuple[Secret, ...]:
    """Return what must not stand anywhere else; a short client secret would be found everywhere."""
    records = () if isinstance(logins, str) else logins
    of_clients = [each for login in records if (each := login.client)] + list(clients)
    found = [login.refresh_token for login in records]
    found += [each.client_secret for each in of_clients]
    found += [each.registration_access_token for each in of_clients]
    return tuple({secret for secret in found if secret and len(secret.reveal()) >= 12})


def _searched(files: Files, own: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Return as many secrets as can be searched for in a moment; that there are more is said."""
    if len(own) > MOST_SECRETS:
        files.unseen.append(f"{len(own) - MOST_SECRETS} stored secrets were not searched for elsewhere")
    return own[:MOST_SECRETS]


# --- the state directory ----------------------------------------------------------------------------------


def _directory(files: Files, state: Path) -> Entry | None:
    try:
        return entry(state, follow=True)
    except FileNotFoundError:
        return None
    except OSError as caught:
        files.unseen.append(f"{files.shown(state)} cannot be looked at: {caught.strerror}")
        return None


def _entries(files: Files, state: Path) -> Iterator[Entry]:
    try:
        for found in islice(entries(state, DEPTH), MANY) if state.is_dir() else ():
            yield Entry(files.shown(Path(found.path)), found.mode, found.mine)
    except OSError as caught:
        files.unseen.append(f"{files.shown(state)} cannot be listed: {caught.strerror}")


def _loose(files: Files, state: Path) -> Iterator[str]:
    """Yield directories above in which others may put another one in the place of ours."""
    for directory in state.absolute().parents:
        try:
            mode = directory.stat().st_mode
        except OSError:
            continue
        if os.name == "posix" and mode & 0o002 and not mode & 0o1000:
            yield files.shown(directory)


def _outside(files: Files, state: Path, found: tuple[Entry, ...]) -> Iterator[str]:
    inside = os.path.realpath(state)
    for each in found:
        if each.is_link:
            path = Path(
                each.path.replace("~", str(files.home), 1) if each.path.startswith("~/") else each.path
            )
            if not os.path.realpath(path).startswith(inside + os.sep):
                yield each.path


def _readable(
    files: Files, state: Path, found: tuple[Entry, ...], own: tuple[Secret, ...]
) -> Iterator[Readable]:
    """Search the files for our own secrets in any base64, and for what looks like one."""
    for each in found:
        if each.is_directory or each.is_link or each.path.endswith((".key", ".sock", ".lock")):
            continue
        path = Path(each.path.replace("~", str(files.home), 1) if each.path.startswith("~/") else each.path)
        content = files.read(path, most=MOST_BYTES)
        for what in dict.fromkeys(_secrets_in(content or b"", own)):
            yield Readable(each.path, what)


def _secrets_in(content: bytes, own: tuple[Secret, ...]) -> Iterator[str]:
    bare = _SEALED.sub(b"", content)
    if any(readable_in(bare, secret.reveal()) for secret in own):
        yield "a secret of a stored login"
    yield from (found[1].decode() for found in _MEMBERS.finditer(bare))
    if b"\0" not in bare:
        text = bare.decode("utf-8", "replace")
        yield from (kind for kind, pattern in SHAPES if pattern.search(text))
