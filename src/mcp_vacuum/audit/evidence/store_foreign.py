"""Reading the files of other programs, and what lies readable in them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_vacuum.audit.documents import Document, Leaf, NotADocument, read_json, read_toml, told
from mcp_vacuum.audit.evidence.config import servers_of
from mcp_vacuum.audit.evidence.foreign_stores import FORMATS, Form, Known
from mcp_vacuum.audit.evidence.store_files import Files, FileSeen
from mcp_vacuum.audit.spotting import plain, spot
from mcp_vacuum.safety.secret import Secret

COPIES = ("~", ".bak", ".orig", ".old", ".backup", ".save", ".swp")
"""What editors and cautious people leave beside a file."""
KEEPERS = ("Claude Code", "Gemini CLI", "Codex")
"""Programs that keep tokens in one file and the servers that these are for in another one."""
COUNTED = 256 * 1024
"""Bytes up to which a document's lines are counted."""


@dataclass(frozen=True, slots=True)
class ForeignSecret:
    """Something readable in a file.

    Attributes:
        kind: Such as ``refresh token``.
        member: The way to it in the document.
        line: Where; None if the file is too long to say.
        secret: It, wrapped.
        sure: Its shape or an OAuth name says so; else its name ends like that of a secret.
        server, server_name: The server that it is for, where the file says so.
        expires_at: Unix seconds, where the file says so.
        scope: Space separated, where the file says so.
        renewable: A refresh token lies beside it.
    """

    kind: str
    member: str
    line: int | None
    secret: Secret
    sure: bool = True
    server: str | None = None
    server_name: str | None = None
    expires_at: float | None = None
    scope: str | None = None
    renewable: bool = False

    def expired(self, now: float) -> bool:
        """True if it ended at least a day ago."""
        return self.expires_at is not None and self.expires_at < now - 24 * 3600


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file of another program, with what is readable in it.

    Attributes:
        tool: Whose.
        file: Where it lies, and who else can get to it.
        form: See `Known`.
        secrets: What was found.
        copy: It is a copy that somebody left beside the real file.
        superseded: The program keeps newer tokens for the same server elsewhere.
        newer_tokens: For a verifier: the login that it was for has ended with tokens.
        instead: What its owner can have the program do.
    """

    tool: str
    file: FileSeen
    form: Form
    secrets: tuple[ForeignSecret, ...] = ()
    copy: bool = False
    superseded: bool = False
    newer_tokens: bool = False
    instead: str = ""


def look_at_foreign(files: Files, environ: Mapping[str, str] = os.environ) -> tuple[ForeignFile, ...]:
    """Look for every known file, and return those in which something is readable."""
    found: dict[Path, ForeignFile] = {}
    for known in FORMATS:
        for path in _paths(files, known, environ):
            if path not in found and (seen := _examined(files, known, path)):
                found[path] = seen
    return tuple(found.values())


def look_at_servers(files: Files, environ: Mapping[str, str] = os.environ) -> dict[str, frozenset[str]]:
    """Return the names and URLs of the servers that each program's own settings name, by program."""
    found: dict[str, frozenset[str]] = {}
    for known in FORMATS:
        if known.tool in KEEPERS and set(known.within) & {"mcpServers", "mcp_servers"}:
            for path in _paths(files, known, environ):
                if not path.name.endswith(COPIES) and (servers := _named_in(files, known, path)) is not None:
                    found[known.tool] = found.get(known.tool, frozenset()) | servers
    return found


def _named_in(files: Files, known: Known, path: Path) -> frozenset[str] | None:
    content = files.read(path)
    try:
        document = _document(content.decode("utf-8-sig", "replace"), known.form) if content else None
    except NotADocument:  # that is said where its secrets are looked for
        document = None
    if document is None:
        return None
    entries = list(servers_of(document))
    names = {str(entry.path[-1]) for entry in entries}
    return frozenset(
        names | {str(leaf.value) for entry in entries for leaf in entry.leaves if "://" in str(leaf.value)}
    )


def _paths(files: Files, known: Known, environ: Mapping[str, str]) -> Iterator[Path]:
    variable, usual = known.base
    named = environ.get(variable) if variable else None
    base = Path(named).expanduser() if named else files.home / usual
    if named:
        files.allow(base)
    for path in files.named(base, known.pattern):
        yield path
        yield from (path.with_name(path.name + end) for end in COPIES)


def _examined(files: Files, known: Known, path: Path) -> ForeignFile | None:
    if (seen := files.look(path)) is None or (content := files.read(path)) is None:
        return None
    text = content.decode("utf-8-sig", "replace")
    copy = path.name.endswith(COPIES)
    if known.form == "verifier":
        return _verifier(known, path, seen, text)
    if known.form == "sealed":
        return ForeignFile(known.tool, seen, known.form) if text.strip() else None
    if known.form == "keyring":
        kept = tuple(_passwords(text))
        return ForeignFile(known.tool, seen, known.form, kept, copy) if kept else None
    try:
        secrets = tuple(_secrets(_document(text, known.form), known.within))
    except (NotADocument, RecursionError) as wrong:
        if not copy:
            why = str(wrong) if isinstance(wrong, NotADocument) else "it is too deep"
            files.unseen.append(f"{seen.path} was not understood: {why}")
        return None
    superseded = _superseded(path) if known.tool == "mcp-remote" else False
    found = ForeignFile(known.tool, seen, known.form, secrets, copy, superseded, instead=known.instead)
    return found if secrets else None


def _verifier(known: Known, path: Path, seen: FileSeen, text: str) -> ForeignFile | None:
    if len(text.strip()) < 43:
        return None
    tokens = path.with_name(path.name.partition("_")[0] + "_tokens.json")
    later = tokens.exists() and tokens.stat().st_mtime >= seen.modified
    secret = ForeignSecret("code verifier", "", 1, Secret(text.strip()))
    return ForeignFile(known.tool, seen, known.form, (secret,), newer_tokens=later)


def _passwords(text: str) -> Iterator[ForeignSecret]:
    parser = RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except Error:
        return
    for service in parser.sections():
        for user, value in parser.items(service):
            if value.strip() and service != "keyring-setting":
                yield ForeignSecret("password in base64", told((service, user)), None, Secret(value.strip()))


def _superseded(path: Path) -> bool:
    """True if a sibling folder of mcp-remote has a newer file of the same server."""
    others = (each for each in path.parent.parent.glob(f"*/{path.name}") if each != path)
    return any(each.stat().st_mtime > path.stat().st_mtime for each in others)


# --- documents --------------------------------------------------------------------------------------------


def _document(text: str, form: Form) -> Document:
    if form == "toml":
        return read_toml(text)
    if len(text) <= COUNTED:
        return read_json(text)
    try:
        return Document(json.loads(text), {})
    except (ValueError, RecursionError):
        raise NotADocument("it is no JSON") from None


def _leaves(document: Document, within: tuple[str, ...]) -> Iterator[Leaf]:
    if not within:
        yield from document.leaves()
    for pattern in within:
        for path in _expanded(document.root, tuple(pattern.split("/"))):
            yield from document.leaves(path)


def _expanded(value: Any, pattern: tuple[str, ...], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not pattern:
        yield path
    elif isinstance(value, dict):
        names = value if pattern[0] == "*" else [pattern[0]] if pattern[0] in value else []
        for name in names:
            yield from _expanded(value[name], pattern[1:], (*path, name))


def _secrets(document: Document, within: tuple[str, ...]) -> Iterator[ForeignSecret]:
    return (found for leaf in _leaves(document, within) if (found := _secret(document, leaf)))


def _secret(document: Document, leaf: Leaf) -> ForeignSecret | None:
    if not isinstance(leaf.value, str) or (found := spot(leaf.name, leaf.value)) is None:
        return None
    around = [document.at(leaf.path[:length]) for length in range(len(leaf.path) - 1, -1, -1)]
    scope = _beside(around[:2], ("scope", "scopes"))
    return ForeignSecret(
        found.kind,
        told(leaf.path),
        leaf.line,
        Secret(found.value),
        found.sure,
        _text(_beside(around[:3], ("serverurl", "mcpserverurl", "url", "httpurl"))),
        _text(_beside(around[:3], ("servername",))),
        _seconds(_beside(around[:2], ("expiresat", "expirydate", "expires"))),
        " ".join(map(str, scope)) if isinstance(scope, list) else _text(scope),
        _beside(around[:1], ("refreshtoken",)) not in (None, ""),
    )


def _beside(around: list[Any], names: tuple[str, ...]) -> Any:
    """Return the first member with one of these names in what a leaf is in, from the inside."""
    for value in around:
        for name, member in value.items() if isinstance(value, dict) else ():
            if plain(name) in names:
                return member
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(value: Any) -> float | None:
    """Return Unix seconds of what may be milliseconds or text."""
    if isinstance(value, str) and re.fullmatch(r"\d{9,13}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        return None
    return value / 1000 if value > 10**11 else float(value)
