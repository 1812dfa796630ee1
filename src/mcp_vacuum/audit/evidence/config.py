"""A client's configuration file, read and taken apart. Nothing in it is started, fetched or expanded.

What is looked into: the MCP servers of Claude (`mcpServers`, also those of a project), VS Code (`servers`
and `inputs`, `mcp.servers`), Cursor, Windsurf and Gemini CLI (`mcpServers`), Codex (`mcp_servers`), Zed
(`context_servers`) and opencode (`mcp`); or, in a file that names no server, the settings of an OAuth client.
The rest of a file is somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from mcp_vacuum.audit.documents import Document, Leaf, NotADocument, Path, read_json, read_toml
from mcp_vacuum.audit.evidence.store_files import Files, FileSeen, own_home
from mcp_vacuum.audit.spotting import plain
from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.url import printable

LARGEST = 2 * 1024 * 1024
CONTAINERS = (
    ("mcpServers",),
    ("projects", "*", "mcpServers"),
    ("servers",),
    ("mcp", "servers"),
    ("mcp.servers",),
    ("mcp_servers",),
    ("context_servers",),
    ("mcp",),
)
"""Where clients name their servers; ``*`` is any name."""
OF_A_SERVER = frozenset({"command", "args", "url", "httpUrl", "serverUrl", "type", "transport"})
OF_A_CLIENT = frozenset(
    {
        "clientid",
        "clientsecret",
        "redirecturi",
        "redirecturis",
        "authorizationendpoint",
        "authorizationurl",
        "tokenendpoint",
        "tokenurl",
        "codechallengemethod",
        "responsetype",
        "responsetypes",
        "granttypes",
        "clientmetadataurl",
    }
)
"""What the settings of an OAuth client are recognised by, without case and punctuation."""


_WHERE = (
    "servers are read from mcpServers, servers, mcp.servers, mcp_servers, context_servers and mcp; "
    "each has a command or a URL"
)


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """A server of the configuration.

    Attributes:
        path: The way to it.
        line: Where it begins.
        command: What is started, with its arguments; empty for a remote server.
        leaves: Every member of it.
    """

    path: Path
    line: int | None
    command: tuple[str, ...] = field(repr=False)
    leaves: tuple[Leaf, ...]

    @property
    def local(self) -> bool:
        """It is started here, and talks over its standard streams."""
        return bool(self.command)


@dataclass(frozen=True, slots=True)
class ConfigEvidence:
    """Everything that the rules of `audit config` look at.

    Attributes:
        file: The file, and who can get to it.
        servers: Its MCP servers.
        leaves: Every member that is about a server or an OAuth client; JSON in a member is taken apart too.
    """

    file: FileSeen
    servers: tuple[ServerEntry, ...]
    leaves: tuple[Leaf, ...]


def collect_config(name: str) -> ConfigEvidence:
    """Read a configuration file.

    Raises:
        UsageError: It cannot be read, is neither JSON (comments are allowed) nor TOML, or is about something
            else: no server, no OAuth client, and no place for a server either.
    """
    path, files = FilePath(name).expanduser(), Files(own_home())
    document = _document(name, _text(name, path))
    servers = tuple(servers_of(document))
    inner = {leaf.path: leaf for leaf in _members(document, servers)}
    if not inner and not _has_room(document):
        raise UsageError(f"{printable(name)} names no MCP server and no OAuth client", hint=_WHERE)
    seen = files.look(path)
    if seen is None:
        raise UsageError(f"{printable(name)} cannot be looked at")
    shown = printable(name) if not path.is_absolute() else seen.path
    file = FileSeen(shown, seen.mode, seen.mine, seen.exposed, seen.modified, seen.size)
    return ConfigEvidence(file, servers, tuple(inner.values()))


def _text(name: str, path: FilePath) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as caught:
        why = (caught.strerror or str(caught)).lower()
        raise UsageError(f"{printable(name)} cannot be read: {why}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{printable(name)} is larger than {LARGEST // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{printable(name)} is no text in UTF-8") from None


def _document(name: str, text: str) -> Document:
    toml = name.endswith(".toml")
    try:
        document = read_toml(text) if toml else read_json(text)
    except NotADocument as wrong:
        where = f", line {wrong.line}" if wrong.line else ""
        hint = "JSON with comments and trailing commas, or TOML in a file named *.toml"
        raise UsageError(f"{printable(name)}{where}: {wrong}", hint=hint) from None
    if not isinstance(document.root, dict):
        raise UsageError(f"{printable(name)}, line 1: it is a list, and no configuration")
    return document


# --- servers ----------------------------------------------------------------------------------------------


def servers_of(document: Document) -> Iterator[ServerEntry]:
    """Yield the MCP servers that a client's configuration names."""
    for pattern in CONTAINERS:
        for path in _expanded(document.root, pattern):
            entries = document.at(path)
            for name in entries if isinstance(entries, Mapping) else ():
                if _is_server(entries[name]):
                    yield _server(document, (*path, name), entries[name])


def _has_room(document: Document) -> bool:
    """True for a configuration that names nobody yet: it is empty, or the place for its servers is."""
    places = (document.at(path) for pattern in CONTAINERS for path in _expanded(document.root, pattern))
    return not document.root or any(place == {} for place in places)


def _is_server(entry: Any) -> bool:
    return isinstance(entry, Mapping) and bool(OF_A_SERVER & entry.keys())


def _server(document: Document, path: Path, entry: Mapping[str, Any]) -> ServerEntry:
    leaves = tuple(_unpacked(document.leaves(path)))
    return ServerEntry(path, document.line(path), tuple(_command(entry)), leaves)


def _command(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words that are started: a command with its arguments, or all of it in one list."""
    command, arguments = entry.get("command"), entry.get("args")
    if isinstance(command, Mapping):  # Zed: {"path": …, "args": […]}
        arguments, command = command.get("args"), command.get("path")
    words = command if isinstance(command, list) else [command, *_listed(arguments)]
    yield from (str(word) for word in words if isinstance(word, str))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _members(document: Document, servers: tuple[ServerEntry, ...]) -> Iterator[Leaf]:
    if servers:
        for server in servers:
            yield from server.leaves
        yield from document.leaves(("inputs",)) if document.at(("inputs",)) else ()
        return
    leaves = tuple(_unpacked(document.leaves()))
    if any(plain(leaf.name) in OF_A_CLIENT for leaf in leaves):
        yield from leaves


def _unpacked(leaves: Iterator[Leaf]) -> Iterator[Leaf]:
    """Yield leaves, and those of JSON that is passed as text, as to ``--static-oauth-client-info``."""
    for leaf in leaves:
        inner = _inside(leaf.value) if isinstance(leaf.value, str) and leaf.value.startswith("{") else None
        if inner is None:
            yield leaf
        else:
            yield from (
                Leaf((*leaf.path, *each.path), each.value, leaf.line) for each in _unpacked(inner.leaves())
            )


def _inside(text: str) -> Document | None:
    try:
        return read_json(text)
    except NotADocument:
        return None


def _expanded(value: Any, pattern: tuple[str, ...], path: Path = ()) -> Iterator[Path]:
    if not pattern:
        yield path
    elif isinstance(value, Mapping):
        names = value if pattern[0] == "*" else [pattern[0]] if pattern[0] in value else []
        for name in names:
            yield from _expanded(value[name], pattern[1:], (*path, name))
