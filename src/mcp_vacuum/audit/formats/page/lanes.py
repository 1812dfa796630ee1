"""Who talks to whom in a recording: the lifelines of the drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.safety.url import origin, printable

MOST = 6
"""Lifelines beside the client's; the servers of the last one are too many to be told apart."""

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
        name: Its origin, without a scheme where that is https; empty for the client.
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
    places = {each: min(number, MOST) for number, each in enumerate(ordered, 1)}
    lanes = [Lane(_role(each, home, paths[each]), _short(each)) for each in ordered[:MOST]]
    if len(ordered) > MOST:
        lanes[-1] = Lane("other servers", f"{len(ordered) - MOST + 1} of them")
    return Lanes((Lane("client", "this audit" if home else "under audit"), *lanes), places)


def _role(of: str, home: str, paths: set[str]) -> str:
    issuer = any(mark in path for mark in _OF_ISSUERS for path in paths)
    if paths == {"/callback"}:
        return "the audit's callback"
    if of == home:
        return "MCP and authorization server" if issuer else "MCP server"
    if issuer:
        return "authorization server"
    return "MCP server" if any("oauth-protected-resource" in path for path in paths) else "another server"


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
    return printable(of.removeprefix("https://")) or "no address"
