"""What a client did in the laboratory, scenario by scenario: frozen, and read by the rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from mcp_vacuum.audit.evidence.client_document import ClientDocument, is_document_url
from mcp_vacuum.audit.exchange import Exchange

Parameters = Mapping[str, tuple[str, ...]]
"""Of a query or form: every value of each name, in order."""

Ended = Literal["exited", "quiet", "timeout", "stopped", "not started"]
"""How a run came to its end: by the client, by its silence, by the clock, by us, or not at all."""

CUSTOM_METADATA = "/somewhere/else/metadata"
"""Where the resource's metadata lies in the scenarios in which only a challenge can tell."""

CANARY = "canary"
"""The file that a shell makes in the client's home if it gets to see a URL, and the note that says so."""

CONNECTED = "connected"
"""The note that a client opened a connection to the server whose certificate is wrong."""

ASKED_FOR = "asked for "
"""Begins the note of an address that the client wanted to reach, and did not."""

CONTROL = "LAB-00"
"""The scenario in which nothing misbehaves."""


def parameters(text: str) -> Parameters:
    """Parse a query or form."""
    return {name: tuple(values) for name, values in parse_qs(text, keep_blank_values=True).items()}


def first(of: Parameters, name: str) -> str:
    """Return the first value of a parameter, empty if it is missing."""
    return of.get(name, ("",))[0]


def query_of(exchange: Exchange) -> Parameters:
    """Return the parameters of an exchange's URL."""
    return parameters(urlsplit(exchange.url).query)


def form_of(exchange: Exchange) -> Parameters:
    """Return the parameters of the form that was sent; empty if it was none."""
    kind = sent_header(exchange, "content-type").partition(";")[0].strip().lower()
    if exchange.request is None or kind != "application/x-www-form-urlencoded":
        return {}
    return parameters((exchange.request.body or b"").decode("utf-8", "replace"))


def sent_header(exchange: Exchange, name: str) -> str:
    """Return a header of the request (lower-case name), empty if it is missing."""
    headers = exchange.request.headers if exchange.request else ()
    return next((value for key, value in headers if key == name), "")


def document_of(exchange: Exchange) -> Mapping[str, Any]:
    """Return the JSON object that was sent; empty if it was none."""
    try:
        document = json.loads((exchange.request.body or b"") if exchange.request else b"")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def path_of(exchange: Exchange) -> str:
    """Return the path of an exchange's URL."""
    return urlsplit(exchange.url).path


@dataclass(frozen=True, slots=True)
class Place:
    """One laboratory of a scenario, and what it handed out: an MCP server and its authorization server."""

    mcp_url: str
    issuer: str
    resource: str
    resource_metadata_url: str
    codes: tuple[str, ...] = ()
    access_tokens: tuple[str, ...] = ()
    refresh_tokens: tuple[str, ...] = ()
    client_secrets: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that it handed out and that nobody may see."""
        return (*self.codes, *self.access_tokens, *self.refresh_tokens, *self.client_secrets)


@dataclass(frozen=True, slots=True)
class Ask:
    """An authorization request: a URL that the client opened, or requested itself."""

    url: str
    parameters: Parameters
    at: Exchange | None = None

    def get(self, name: str) -> str:
        """Return the first value of a parameter, empty if it is missing."""
        return first(self.parameters, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client's own listener answered to the browser, or to a probe of the laboratory.

    Attributes:
        purpose: Why it was requested.
        method, url: What was requested.
        status: 0 if nothing answered.
        headers: Lower-case names.
        body: At most its first 64 KiB.
    """

    purpose: str
    method: str
    url: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def header(self, name: str) -> str:
        """Return a header (lower-case name), empty if it is missing."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Run:
    """One client in one scenario.

    Attributes:
        scenario: Its name, such as ``LAB-11/plain``.
        what: What misbehaves in it.
        places: The laboratories, the one that the client was sent to first.
        exchanges: Every request that reached one of them, in the order of arrival.
        opened: Every URL that the client gave to a browser.
        answers: What its listener answered.
        ended, exit_code: How it ended.
        stdout, stderr: What it printed; at most 256 KiB of each.
        notes: What the scenario noted besides, in words that its rules know.
        seconds: How long it took.
        ended_at: Unix seconds.
    """

    scenario: str
    what: str
    places: tuple[Place, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    opened: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    ended: Ended = "exited"
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    ended_at: float = 0.0

    @property
    def family(self) -> str:
        """The scenario without its variant, such as ``LAB-11``."""
        return self.scenario.partition("/")[0]

    @property
    def variant(self) -> str:
        """What comes after the slash; empty if there is none."""
        return self.scenario.partition("/")[2]

    @property
    def asked_for(self) -> tuple[str, ...]:
        """The addresses beyond the laboratory that it wanted to reach."""
        return tuple(note.removeprefix(ASKED_FOR) for note in self.notes if note.startswith(ASKED_FOR))

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return f"{self.stdout}\n{self.stderr}"

    @property
    def place(self) -> Place:
        """The laboratory that the client was sent to."""
        return self.places[0]

    def to(self, ending: str, method: str | None = None) -> tuple[Exchange, ...]:
        """Return the requests whose path ends so."""
        return tuple(
            each
            for each in self.exchanges
            if path_of(each).endswith(ending) and method in (None, each.method)
        )

    def at(self, url: str) -> tuple[Exchange, ...]:
        """Return the requests to exactly this URL, whatever its query."""
        return tuple(each for each in self.exchanges if each.url.partition("?")[0] == url)

    def within(self, part: str) -> tuple[Exchange, ...]:
        """Return the requests whose path contains this."""
        return tuple(each for each in self.exchanges if part in path_of(each))

    def at_origin_of(self, url: str) -> tuple[Exchange, ...]:
        """Return the requests to this URL's origin."""
        return tuple(each for each in self.exchanges if urlsplit(each.url).netloc == urlsplit(url).netloc)

    @property
    def resource_metadata(self) -> tuple[Exchange, ...]:
        """The requests for protected resource metadata at its well-known URLs."""
        return self.within("/.well-known/oauth-protected-resource")

    @property
    def server_metadata(self) -> tuple[Exchange, ...]:
        """The requests for authorization server metadata, in either form."""
        return tuple(
            each
            for each in self.exchanges
            if "/.well-known/oauth-authorization-server" in each.url
            or "/.well-known/openid-configuration" in each.url
        )

    @property
    def challenged(self) -> tuple[Exchange, ...]:
        """The requests to the MCP endpoint that were answered with 401."""
        return tuple(each for each in self.calls if each.status == 401)

    @property
    def registrations(self) -> tuple[Exchange, ...]:
        """The requests for a dynamic registration."""
        return self.to("/register", "POST")

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The authorization requests: what was opened, and what was requested without a browser."""
        asks = [Ask(url, parameters(_query(url))) for url in self.opened if "client_id=" in url]
        known = {(ask.get("state"), ask.get("code_challenge")) for ask in asks}
        for each in self.to("/authorize", "GET"):
            seen = query_of(each)
            if (first(seen, "state"), first(seen, "code_challenge")) not in known:
                asks.append(Ask(each.url, seen, each))
        return tuple(asks)

    @property
    def token_requests(self) -> tuple[Exchange, ...]:
        """The requests to a token endpoint."""
        return tuple(each for each in self.exchanges if "grant_type" in form_of(each))

    @property
    def redemptions(self) -> tuple[Exchange, ...]:
        """The token requests that carry a code."""
        return tuple(each for each in self.token_requests if "code" in form_of(each))

    @property
    def refreshes(self) -> tuple[Exchange, ...]:
        """The token requests that carry a refresh token."""
        return tuple(each for each in self.token_requests if "refresh_token" in form_of(each))

    @property
    def calls(self) -> tuple[Exchange, ...]:
        """The requests to the MCP endpoint of the laboratory that the client was sent to."""
        return self.at(self.place.mcp_url) if self.places else ()

    @property
    def authorized_calls(self) -> tuple[Exchange, ...]:
        """Those of `calls` that carry a credential."""
        return tuple(each for each in self.calls if sent_header(each, "authorization"))

    @property
    def worked(self) -> bool:
        """The client got a token, and an answer of the MCP server with it."""
        return any(each.status in (200, 202) for each in self.authorized_calls)

    def carrying(self, values: Iterable[str]) -> tuple[Exchange, ...]:
        """Return the requests in which one of these values appears, in the URL, a header or the body."""
        wanted = [value for value in values if value]
        return tuple(each for each in self.exchanges if any(value in _sent(each) for value in wanted))


@dataclass(frozen=True, slots=True)
class ClientEvidence:
    """Everything that the rules of `audit client` look at.

    Attributes:
        command: As it was given, the URL still a placeholder.
        runs: In the order of the table of scenarios.
        left_out: The scenarios that were not asked for.
        documents: The metadata documents that it names as its client_id, if they were fetched.
    """

    command: tuple[str, ...]
    runs: tuple[Run, ...]
    left_out: tuple[str, ...] = ()
    documents: tuple[ClientDocument, ...] = ()

    @property
    def control(self) -> Run | None:
        """The run in which nothing misbehaved."""
        return next(iter(self.of(CONTROL)), None)

    def of(self, *names: str) -> tuple[Run, ...]:
        """Return the runs of scenarios, by family or by full name."""
        return tuple(run for run in self.runs if run.family in names or run.scenario in names)

    def missing(self, *names: str) -> tuple[str, ...]:
        """Return what was not run of these scenarios; of a family of which none was, the family."""
        played = {run.family for run in self.runs}
        skipped = {name for name in self.left_out if name in names or name.partition("/")[0] in names}
        skipped |= {name for name in names if not self.of(name)}
        families = {name: name.partition("/")[0] for name in skipped}
        return tuple(sorted({name if family in played else family for name, family in families.items()}))

    @property
    def asks(self) -> tuple[tuple[Run, Ask], ...]:
        """Every authorization request of every legible run."""
        return tuple((run, ask) for run in self.legible for ask in run.asks)

    @property
    def document_urls(self) -> tuple[tuple[str, str], ...]:
        """The URLs that it names as its client_id, each with the redirect URI that it asked for beside it."""
        asked = ((ask.get("client_id"), ask.get("redirect_uri")) for _, ask in self.asks)
        return tuple(pair for pair in asked if is_document_url(pair[0]))

    @property
    def legible(self) -> tuple[Run, ...]:
        """The runs whose authorization requests are as the client makes them: all but LAB-10."""
        return tuple(run for run in self.runs if run.family != "LAB-10")

    @property
    def uncontrolled(self) -> str:
        """Why nothing can be concluded from a refusal; empty if the control worked."""
        run = self.control
        if run is None:
            return f"{CONTROL}, where nothing misbehaves, was not run"
        return "" if run.worked else f"{CONTROL}, where nothing misbehaves, did not work: {_stopped_at(run)}"


def _stopped_at(run: Run) -> str:
    steps = (
        (run.exchanges, "no request arrived"),
        (run.resource_metadata or run.server_metadata, "the client looked for no metadata"),
        (run.asks, "no authorization URL was opened"),
        (run.redemptions, "no token was asked for"),
        (run.authorized_calls, "no request with a token arrived"),
    )
    missing = next((words for seen, words in steps if not seen), "the MCP server refused the client's token")
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    return f"{missing}; it {_WORDS[run.ended]}{code}"


_WORDS: Mapping[Ended, str] = {
    "exited": "ended by itself",
    "quiet": "fell silent and was ended",
    "timeout": "was not done in time",
    "stopped": "was ended",
    "not started": "could not be started",
}


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return url.partition("?")[2]


def _sent(exchange: Exchange) -> str:
    request = exchange.request
    headers = "\n".join(value for _, value in request.headers) if request else ""
    body = (request.body or b"").decode("utf-8", "replace") if request else ""
    fields = urlencode([(name, value) for name, values in form_of(exchange).items() for value in values])
    return f"{exchange.url}\n{headers}\n{body}\n{fields}"
