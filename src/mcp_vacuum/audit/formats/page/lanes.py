"""Who talks to whom in a recording: the lifelines of the drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import host_of, origin, printable

MOST = 6
"""Lifelines beside the client's; more servers are told apart by their role only."""


_OF_ISSUERS = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/authorize",
    "/token",
    "/register",
    "/par",
    "/revoke",
    "/introspect",
    "/jwks",
)


@dataclass(frozen=True, slots=True)
class Lane:
    """A lifeline.

    Attributes:
        role: Who it is, such as ``MCP server``.
        name: Its origin, without a scheme where that is https, or this machine; empty for the client.
    """

    role: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lifelines, the client first, and which of them an exchange goes to."""

    all: tuple[Lane, ...]
    places: dict[str, int]

    def to(self, exchange: Exchange) -> int:
        """Return the number of the lifeline, from 1."""
        return self.places[_origin(exchange.url)]


def lanes_of(target: str, exchanges: Iterable[Exchange]) -> Lanes:
    """Find the lifelines of a recording.

    Args:
        target: What was audited; the server at this URL is the MCP server.
        exchanges: In their order; a server gets its place by its first one.
    """
    home = _origin(target)
    paths: dict[str, set[str]] = {}
    for exchange in exchanges:
        paths.setdefault(_origin(exchange.url), set()).add(_path(exchange.url))
    ordered = sorted(paths, key=lambda each: each != home)
    roles = {each: _role(each, home, paths[each]) for each in ordered}
    lanes, places = _one_each(roles) if len(roles) <= MOST else _by_role(roles, home)
    return Lanes((Lane("client", "this audit" if home else "under audit"), *lanes), places)


def _one_each(roles: Mapping[str, str]) -> tuple[list[Lane], dict[str, int]]:
    places = {each: number for number, each in enumerate(roles, 1)}
    return [Lane(role, _short(each)) for each, role in roles.items()], places


def _by_role(roles: Mapping[str, str], home: str) -> tuple[list[Lane], dict[str, int]]:
    """Give those of one role a lifeline together; the server that is audited keeps its own."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for each, role in roles.items():
        groups.setdefault((each == home, role), []).append(each)
    places = {each: number for number, group in enumerate(groups.values(), 1) for each in group}
    return [Lane(role, _names(group)) for (_, role), group in groups.items()], places


def _names(group: list[str]) -> str:
    return _short(group[0]) if len(group) == 1 else f"{len(group)} of them"


def _role(of: str, home: str, paths: set[str]) -> str:
    issuer = any(mark in path for mark in _OF_ISSUERS for path in paths)
    if paths == {"/callback"}:
        return "the audit's callback"
    if of == home:
        return "MCP and authorization server" if issuer else "MCP server"
    if any(map(_of_mcp, paths)):
        return "MCP server"
    return "authorization server" if issuer else "another server"


def _of_mcp(path: str) -> bool:
    known = path.startswith("/.well-known/")
    return path.startswith("/.well-known/oauth-protected-resource") or (path.endswith("/mcp") and not known)


def _origin(url: str) -> str:
    """Return the origin; what has none, such as a refused URL, is a place of its own."""
    if not url.startswith(("http://", "https://")):
        return ""
    try:
        return origin(url)
    except ValueError:
        return ""


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _short(of: str) -> str:
    """Return the host, and the scheme where it tells something: plain http beyond this machine."""
    if is_loopback_host(host_of(of) if of else ""):
        of = of.removeprefix("http://")
    return printable(of.removeprefix("https://")) or "no address"
