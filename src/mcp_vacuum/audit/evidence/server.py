"""What a server says without a login: greetings, metadata of the resource and of its authorization servers.

Nothing is changed at the server: the only tool that is called has a name that no tool has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcp_vacuum.audit.connection import Connection
from mcp_vacuum.audit.evidence.endpoints import NOTHING_SEEN, Endpoints, look_at_endpoints
from mcp_vacuum.audit.evidence.strangers import Elsewhere, Strangers, look_elsewhere, stranger_tasks
from mcp_vacuum.audit.evidence.tls import Handshakes
from mcp_vacuum.audit.evidence.wire import Wire, at_once, both
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import inconclusive, not_applicable
from mcp_vacuum.protocol.challenge import BearerHints, bearer_hints
from mcp_vacuum.protocol.discovery import resource_metadata_urls, server_metadata_urls
from mcp_vacuum.protocol.effects import HeaderList
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import origin

MOST_ISSUERS = 5
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
NO_SUCH_TOOL = "mcp-vacuum-audit-no-such-tool"
NO_TOKEN = "mcp-vacuum-audit-no-such-token"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One place where a document may be, and what is there.

    Attributes:
        place: Which of the places, such as ``challenge``, ``path``, ``root``, ``oauth``, ``openid``.
        url: Where it was looked for; `exchange.url` is another after a redirect.
        exchange: The last exchange.
        members: The document; None if there is none.
        problem: Why there is none.
    """

    place: str
    url: str
    exchange: Exchange
    members: Mapping[str, Any] | None
    problem: str = ""

    @property
    def present(self) -> bool:
        """A 200 with a JSON object."""
        return self.members is not None

    def text(self, name: str) -> str | None:
        """Return a member if it is a string."""
        value = (self.members or {}).get(name)
        return value if isinstance(value, str) else None

    def words(self, name: str) -> tuple[str, ...] | None:
        """Return a member if it is an array of strings."""
        value = (self.members or {}).get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return None
        return tuple(value)

    @property
    def endpoints(self) -> tuple[tuple[str, str], ...]:
        """The endpoints that it names, unchecked: member and URL."""
        members = (self.members or {}).items()
        return tuple((name, url) for name, url in members if is_endpoint(name) and isinstance(url, str))


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authorization server that the resource names.

    Attributes:
        name: The string in `authorization_servers`, as it stands there.
        documents: Every well-known place of its metadata, in MCP's order.
        endpoints: What the endpoints of the first document show.
    """

    name: str
    documents: tuple[Fetched, ...]
    endpoints: Endpoints = NOTHING_SEEN

    @property
    def found(self) -> tuple[Fetched, ...]:
        """The places that have a document."""
        return tuple(document for document in self.documents if document.present)

    def is_described_by(self, document: Fetched) -> bool:
        """Say whether a document is about this issuer (RFC 8414 §3.3)."""
        return document.text("issuer") == self.name


@dataclass(frozen=True, slots=True)
class ServerEvidence:
    """Everything that the passive rules look at.

    Attributes:
        url: The MCP server, normalised.
        greetings: Requests without a token, by name: ``initialize``, ``server/discover``, ``tools/list``,
            ``tools/call``.
        resource: The places of the protected resource metadata: ``challenge`` (if the server names one),
            ``path``, ``root``.
        issuers: The authorization servers that it names.
        exchanges: The whole recording.
        bad_token: `initialize` with what is no token.
        strangers: `initialize` as a web page of elsewhere sends it.
        elsewhere: Where else a server on loopback can be reached; None for any other.
        again: The document that a client would use, fetched a second time; None if there is none.
        connections: Every https origin that was met, by origin.
    """

    url: str
    greetings: Mapping[str, Exchange]
    resource: tuple[Fetched, ...]
    issuers: tuple[Issuer, ...]
    exchanges: tuple[Exchange, ...]
    bad_token: Exchange | None = None
    strangers: Strangers | None = None
    elsewhere: Elsewhere | None = None
    again: Fetched | None = None
    connections: Mapping[str, Connection] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """At least one request got an answer, or a handshake one that ends there."""
        spoke = any(connection.spoke for connection in self.connections.values())
        return spoke or any(exchange.response for exchange in self.exchanges)

    @property
    def protected(self) -> bool:
        """It asks for a login somewhere."""
        return any(exchange.status == 401 for exchange in self.greetings.values())

    @property
    def open(self) -> bool:
        """It answers, asks for no login anywhere, and publishes no metadata about one."""
        answered = any(exchange.response for exchange in self.greetings.values())
        return answered and not self.protected and self.resource_metadata is None

    @property
    def resource_metadata(self) -> Fetched | None:
        """The document that a client would use: the first in MCP's order."""
        return next((document for document in self.resource if document.present), None)

    def must_be_protected(self) -> None:
        """Raise `CannotTell` for a server that answers everybody, or nobody."""
        if not any(exchange.response for exchange in self.greetings.values()):
            raise inconclusive("the server answered no request")
        if self.open:
            raise not_applicable("the server asks nobody for a login")

    def known_resource_metadata(self) -> Fetched:
        """Return the document that a client would use, or raise `CannotTell`."""
        self.must_be_protected()
        if self.resource_metadata is None:
            raise not_applicable("there is no protected resource metadata; see RS-META-01")
        return self.resource_metadata

    def known_issuers(self) -> tuple[Issuer, ...]:
        """Return the authorization servers, or raise `CannotTell` if none is known."""
        self.known_resource_metadata()
        if not self.issuers:
            raise not_applicable("the resource names no authorization server; see RS-META-02")
        return self.issuers

    def known_documents(self) -> tuple[tuple[Issuer, Fetched], ...]:
        """Return every document of every authorization server, or raise `CannotTell` if there is none."""
        documents = tuple((issuer, each) for issuer in self.known_issuers() for each in issuer.found)
        if not documents:
            raise not_applicable("no authorization server publishes metadata; see AS-META-01")
        return documents


def hints(exchange: Exchange) -> BearerHints | None:
    """Return what the challenge of an answer tells a client, None if it has no Bearer or DPoP challenge."""
    return bearer_hints(exchange.lines("www-authenticate"))


async def collect_server(wire: Wire, url: str) -> ServerEvidence:
    """Look at a server, without a login.

    Args:
        wire: The recorded wire, under the policy of `url`.
        url: Normalised (`safety.url.normalise_server_url`).
    """
    shake = Handshakes(wire)
    (greeted, elsewhere), _ = await both(
        partial(both, partial(_greet, wire, url), partial(look_elsewhere, url)),
        partial(shake.with_all, resource_metadata_urls(url, None)),
    )
    greetings, bad_token, strangers = greeted
    resource = await _resource_metadata(wire, url, greetings.values())
    found = next((document for document in resource if document.present), None)
    named = [partial(_issuer, wire, shake, name) for name in _issuers(resource)]
    issuers, (again, _) = await both(
        partial(at_once, *named),
        partial(
            both, partial(_look_again, wire, found), partial(shake.with_all, [each.url for each in resource])
        ),
    )
    return ServerEvidence(
        url,
        greetings,
        resource,
        tuple(issuers),
        wire.exchanges,
        bad_token,
        strangers,
        elsewhere,
        again,
        shake.seen,
    )


def is_endpoint(name: str) -> bool:
    """Say whether a member of an authorization server's metadata is the URL of an endpoint."""
    return name.endswith("_endpoint") or name == "jwks_uri"


# --- greetings --------------------------------------------------------------------------------------------


async def _greet(wire: Wire, url: str) -> tuple[dict[str, Exchange], Exchange, Strangers]:
    names = ("initialize", "server/discover", "tools/list", "tools/call")
    headers, body = greeting("initialize")
    no_token = (*headers, ("Authorization", f"Bearer {NO_TOKEN}"))
    answers = await wire.together(
        [
            *((f"{name} without a token", "POST", url, *greeting(name)) for name in names),
            ("initialize with what is no token", "POST", url, no_token, body),
            *stranger_tasks(url, headers, body),
        ]
    )
    greetings, bad_token, strangers = answers[: len(names)], answers[len(names)], answers[len(names) + 1 :]
    return dict(zip(names, greetings, strict=True)), bad_token, Strangers(*strangers)


def greeting(method: str) -> tuple[HeaderList, bytes]:
    """Return headers and body of a JSON-RPC request: `initialize` as 2025-11-25, the others as 2026-07-28."""
    params: dict[str, Any] = {}
    headers: Headers = (
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    )
    if method == "initialize":
        about = {"name": "mcp-vacuum audit", "version": "1"}
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": about}
    else:
        headers = (*headers, ("MCP-Protocol-Version", MODERN), ("Mcp-Method", method))
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "mcp-vacuum audit", "version": "1"},
        }
    if method == "tools/call":
        headers = (*headers, ("Mcp-Name", NO_SUCH_TOOL))
        params |= {"name": NO_SUCH_TOOL, "arguments": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return headers, json.dumps(message).encode()


# --- documents --------------------------------------------------------------------------------------------


async def _resource_metadata(wire: Wire, url: str, greetings: Iterable[Exchange]) -> tuple[Fetched, ...]:
    told = [hint.resource_metadata for hint in map(hints, greetings) if hint]
    challenged = next((hint for hint in told if hint), None)
    well_known = list(dict.fromkeys(resource_metadata_urls(url, None)))
    places = [("path", well_known[0])] if len(well_known) > 1 else []
    places.append(("root", well_known[-1]))
    if challenged:
        places.insert(0, ("challenge", challenged))
    return await _fetched(wire, "resource metadata", places)


def _issuers(documents: Iterable[Fetched]) -> list[str]:
    """Every authorization server that any of the documents names, the first few."""
    lists = [(document.members or {}).get("authorization_servers") for document in documents]
    names = [name for each in lists if isinstance(each, list) for name in each if isinstance(name, str)]
    return list(dict.fromkeys(names))[:MOST_ISSUERS]


async def _issuer(wire: Wire, shake: Handshakes, name: str) -> Issuer:
    try:
        origin(name)
        urls = list(dict.fromkeys(server_metadata_urls(name)))
    except ValueError:
        urls = [name]
    places = list(zip(("oauth", "openid", "openid below"), urls, strict=False))
    documents = await _fetched(wire, "authorization server metadata", places)
    first = next((document.members for document in documents if document.members is not None), {})
    urls = [each.url for each in documents if each.present]
    urls += [url for each in documents for _, url in each.endpoints]
    endpoints, _ = await both(
        partial(look_at_endpoints, wire, first), partial(shake.with_all, [*urls, documents[0].url])
    )
    return Issuer(name, documents, endpoints)


async def _look_again(wire: Wire, document: Fetched | None) -> Fetched | None:
    """Fetch a document a second time."""
    if document is None:
        return None
    exchange = await wire.get_following("resource metadata, again", document.url)
    return read(document.place, document.url, exchange)


async def _fetched(wire: Wire, what: str, places: list[tuple[str, str]]) -> tuple[Fetched, ...]:
    """Look at several places at once; a URL that two places share is fetched once."""
    first: dict[str, str] = {}
    for place, url in places:
        first.setdefault(url, place)
    answers = await at_once(
        *(partial(wire.get_following, f"{what}, {place}", url) for url, place in first.items())
    )
    exchanges = dict(zip(first, answers, strict=True))
    return tuple(read(place, url, exchanges[url]) for place, url in places)


def read(place: str, url: str, exchange: Exchange) -> Fetched:
    """Look for a JSON object in an answer."""
    if exchange.response is None or exchange.status != 200:
        return Fetched(place, url, exchange, None, exchange.said)
    try:
        return Fetched(place, url, exchange, exchange.document)
    except NotADocument as why:
        return Fetched(place, url, exchange, None, str(why))
