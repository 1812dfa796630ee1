"""What the checks of a configuration file share: settings by name, secrets, and the row of their table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_vacuum.audit.documents import Leaf
from mcp_vacuum.audit.evidence.config import ConfigEvidence, ServerEntry
from mcp_vacuum.audit.rule import Check, FileSpot, Finding, Severity, not_applicable
from mcp_vacuum.audit.spotting import Spotted, is_reference, plain, spot

_HEADER = re.compile(r"^([A-Za-z][\w-]*)\s*:\s*(.+)$")
_ASSIGNED = re.compile(r"^([A-Za-z_][\w.-]*)=(.+)$")


@dataclass(frozen=True, slots=True)
class ConfigCheck:
    """A check of a configuration file, for a rule of the catalogue; its docstring is the reason."""

    check: Check
    bad: str
    good: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that stands in the file; `how` is ``argument``, ``variable``, ``header`` or ``setting``."""

    leaf: Leaf
    found: Spotted
    how: str
    name: str


def find(evidence: ConfigEvidence, leaf: Leaf, why: str, severity: Severity | None = None) -> Finding:
    """Make a finding about a member."""
    return Finding(leaf.told, why, severity, file=FileSpot(evidence.file.path, leaf.line))


def find_in(
    evidence: ConfigEvidence, server: ServerEntry, where: str, why: str, severity: Severity | None = None
) -> Finding:
    """Make a finding about a server."""
    return Finding(where, why, severity, file=FileSpot(evidence.file.path, server.line))


def require(evidence: ConfigEvidence) -> None:
    """Pass if there is anything to look at.

    Raises:
        CannotTell: The file is about something else.
    """
    if not evidence.leaves and not evidence.servers:
        raise not_applicable("the file names no MCP server and no OAuth client")


def settings(evidence: ConfigEvidence, *names: str) -> Iterator[Leaf]:
    """Yield the members with one of these names, in any spelling; what a server's environment has is none."""
    wanted = {plain(name) for name in names}
    return (leaf for leaf in evidence.leaves if plain(leaf.name) in wanted and not in_environment(leaf))


def in_environment(leaf: Leaf) -> bool:
    """True for a variable of a server's environment."""
    return any(part in ("env", "environment") for part in leaf.path[:-1])


def literal(value: Any) -> bool:
    """True for text that stands there itself, and is no reference to it."""
    return isinstance(value, str) and bool(value) and not is_reference(value)


def truth(value: Any) -> bool | None:
    """Return what a switch says; None where it says nothing."""
    if isinstance(value, str):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            value.lower()
        )
    return bool(value) if isinstance(value, (bool, int)) else None


def secrets(evidence: ConfigEvidence) -> Iterator[Secret]:
    """Yield every secret that stands in the file."""
    last: dict[Any, str] = {}
    for leaf in evidence.leaves:
        if not isinstance(leaf.value, str):
            continue
        if leaf.name == "args" or (leaf.path and isinstance(leaf.path[-1], int) and leaf.name == "command"):
            name, value = _argument(leaf.value, last.get(leaf.path[:-1], ""))
            last[leaf.path[:-1]] = leaf.value
            how = "argument"
        else:
            name, value, how = leaf.name, leaf.value, _how(leaf)
        if found := spot(name, value):
            yield Secret(leaf, found, how, name)


def _how(leaf: Leaf) -> str:
    if in_environment(leaf):
        return "variable"
    return "header" if any("headers" in str(part).lower() for part in leaf.path[:-1]) else "setting"


def _argument(word: str, before: str) -> tuple[str, str]:
    """Return name and value of an argument: ``--name value``, ``name=value`` or ``Name: value``."""
    bare = word.lstrip("-")
    if found := _ASSIGNED.match(bare):
        return found[1], found[2]
    if (found := _HEADER.match(word)) and "://" not in word[: len(found[1]) + 3]:
        return found[1], found[2]
    return before.lstrip("-") if before.startswith("-") and not word.startswith("-") else "", word
