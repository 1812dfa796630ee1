"""Where secrets get to by accident: shell histories and start-up files, working trees, synced folders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mcp_vacuum.audit.evidence.store_files import Files
from mcp_vacuum.audit.spotting import SHORTEST, shapes_in, spot
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.key_source import KEY_VARIABLE

HISTORIES = (
    ".bash_history",
    ".zsh_history",
    ".history",
    ".ash_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".node_repl_history",
)
STARTED = (
    ".profile",
    ".bash_profile",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".config/fish/config.fish",
    ".config/environment.d/*.conf",
    ".pam_environment",
    ".env",
)
"""What a shell or a session reads when it starts; a secret in there is in every program's environment."""
LOGS = (".mcp-auth/*/*_debug.log", ".mcp-auth/*.log")
NEWEST = 1024 * 1024
"""Bytes at the end of a history or log that are read."""
SYNCED = re.compile(
    r"^(?:dropbox.*|onedrive.*|google ?drive|googledrive-.*|my drive|icloud ?drive|mobile documents|"
    r"nextcloud|owncloud|pcloud ?drive|mega|megasync|box|box sync|seafile|proton ?drive|syncthing|sync)$",
    re.IGNORECASE,
)
MARKERS = (".stfolder", ".dropbox", ".owncloudsync.log", ".sync_exclude.lst", ".nextcloudsync.log")
"""What a program that copies a folder elsewhere leaves in it."""
_KEY = "key of a vault"
_ARGUMENT = re.compile(
    r"(?:^|[\s;])(?:--?([A-Za-z][\w-]*)(?:=|\s+)|([A-Za-z_]\w*)=)(\"[^\"]*\"|'[^']*'|[^\s\"';]+)"
)
_HEADER = re.compile(r"Authorization:\s*((?:Bearer|DPoP|Basic)\s+[^\s\"']+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trace:
    """Secrets in a file in which nobody keeps secrets.

    Attributes:
        path: The file.
        what: ``shell history``, ``start-up file`` or ``log``.
        kinds: What was found, each kind once.
        line: The first of it.
        count: On how many lines.
        ours: A secret of our own vault is among it.
        sure: A shape or a value says so; else a name does.
        key: It is the key of our vault.
    """

    path: str
    what: str
    kinds: tuple[str, ...]
    line: int
    count: int
    ours: bool = False
    sure: bool = True
    key: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is above the state directory.

    Attributes:
        tree: The git working tree that it is in; None if it is in none.
        tracked: Files of it that git keeps.
        ignored: Something tells git to leave the directory out.
        synced: The folder that some program copies elsewhere; None if there is none.
    """

    tree: str | None = None
    tracked: tuple[str, ...] = ()
    ignored: bool = False
    synced: str | None = None


def look_for_traces(files: Files, own: Sequence[Secret]) -> tuple[Trace, ...]:
    """Search histories, start-up files and logs, for the vault's own secrets and for what looks like one."""
    kinds = (("shell history", HISTORIES), ("start-up file", STARTED), ("log", LOGS))
    places = (
        (path, what)
        for what, patterns in kinds
        for pattern in patterns
        for path in files.named(files.home, pattern)
    )
    return tuple(trace for path, what in places for trace in _traces(files, path, what, own))


def look_above(files: Files, state: Path) -> Surroundings:
    """Look at the directories above the state directory, as it is named and as it really lies."""
    places = dict.fromkeys(
        (*state.absolute().parents, state.absolute(), state.resolve(), *state.resolve().parents)
    )
    tree = next((each for each in places if _has(each, ".git")), None)
    synced = next((each for each in places if _is_synced(each)), None)
    if tree is None:
        return Surroundings(synced=files.shown(synced) if synced else None)
    files.allow(tree)
    return Surroundings(
        files.shown(tree),
        tuple(_tracked(files, tree, state)),
        _ignored(files, tree, state),
        files.shown(synced) if synced else None,
    )


def _traces(files: Files, path: Path, what: str, own: Sequence[Secret]) -> Iterator[Trace]:
    """Yield one trace of everything in a file, and one of its own for the key of a vault."""
    content = files.read(path, most=NEWEST, newest=True)
    text = (content or b"").decode("utf-8", "replace")
    hits = list(_hits(text.splitlines(), [value for secret in own if (value := secret.reveal()) in text]))
    for key in (True, False):
        if some := [hit for hit in hits if (hit.kind == _KEY) is key]:
            kinds, lines = dict.fromkeys(hit.kind for hit in some), {hit.line for hit in some}
            ours, sure = any(hit.ours for hit in some), any(hit.sure for hit in some)
            yield Trace(files.shown(path), what, tuple(kinds), some[0].line, len(lines), ours, sure, key)


class _Hit(NamedTuple):
    line: int
    kind: str
    ours: bool
    sure: bool


def _hits(lines: Sequence[str], values: Sequence[str]) -> Iterator[_Hit]:
    for number, line in enumerate(lines, 1):
        if len(line) < SHORTEST:
            continue
        if any(value in line for value in values):
            yield _Hit(number, "secret of this vault", True, True)
        elif found := _spotted(line[:4000]):
            yield _Hit(number, *found)


def _spotted(line: str) -> tuple[str, bool, bool] | None:
    for kind, _, _ in shapes_in(line):
        return kind, False, True
    if (header := _HEADER.search(line)) and spot("authorization", header[1]):
        return "token in a header", False, True
    for flag, variable, value in _ARGUMENT.findall(line):
        name = flag or variable
        found = spot(name, value.strip("\"'"))
        if name.upper() == KEY_VARIABLE and len(value) > 20 and not value.startswith("$"):
            return _KEY, False, True
        if found:
            return f"{found.kind} ({name})", False, False
    return None


def _is_synced(directory: Path) -> bool:
    return bool(SYNCED.match(directory.name)) or any(_has(directory, marker) for marker in MARKERS)


def _has(directory: Path, name: str) -> bool:
    try:
        return (directory / name).exists()
    except OSError:
        return False


def _tracked(files: Files, tree: Path, state: Path) -> Iterator[str]:
    """Yield the names of the state directory in git's index, which has every path in clear."""
    index = files.read(tree / ".git" / "index") if (tree / ".git").is_dir() else None
    try:
        inner = state.resolve().relative_to(tree.resolve()).as_posix()
    except ValueError:
        return
    for name in ("vault.db", "vault.key"):
        path = name if inner == "." else f"{inner}/{name}"
        if index and bytes([len(path) & 0xFF]) + path.encode() + b"\0" in index:  # flags end with the length
            yield path


def _ignored(files: Files, tree: Path, state: Path) -> bool:
    try:
        parts = state.resolve().relative_to(tree.resolve()).parts
    except ValueError:
        return False
    names = {*parts, "*", "vault.db", *("/".join(parts[:length]) for length in range(1, len(parts) + 1))}
    places = [tree / ".git" / "info" / "exclude"]
    places += [tree.joinpath(*parts[:length]) / ".gitignore" for length in range(len(parts) + 1)]
    lines = (line.strip().strip("/") for place in places for line in _lines(files, place))
    return any(line in names for line in lines)


def _lines(files: Files, path: Path) -> list[str]:
    content = files.read(path, most=64 * 1024)
    return content.decode("utf-8", "replace").splitlines() if content else []
