"""What a server says to an auditor who logs in: evidence by name, and the order in which it is collected.

Every name that a rule may ask for is given by one of the modules `active_*`; what could not be asked has its
reason in `unseen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_vacuum.audit.evidence.server import Fetched, ServerEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import gives_token, parameters, text_member
from mcp_vacuum.audit.rule import NotChecked, Results, inconclusive, not_applicable
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.url import printable

FOREIGN = "https://auditor.invalid/cb"
"""A redirect URI that nobody registered, on a host that can never exist (RFC 6761 §6.4)."""
FOREIGN_RESOURCE = "https://auditor.invalid/another-resource"


@dataclass(frozen=True, slots=True)
class Visit:
    """A person's browser at the authorization endpoint, and how it came back.

    Attributes:
        name: Which of the logins.
        sent: The parameters of the request, in order.
        asked: The request, as written down.
        arrived: What came back to our callback; None if nothing did.
        failure: Why nothing did; empty if something did.
        verb: How the browser came back, ``GET`` or ``POST``; empty where a person pasted the address.
    """

    name: str
    sent: tuple[tuple[str, str], ...]
    asked: Exchange
    arrived: Exchange | None = None
    failure: str = ""
    verb: str = ""

    @property
    def answer(self) -> Mapping[str, list[str]]:
        """The parameters that came back; empty if nothing did."""
        return parameters(self.arrived.url) if self.arrived else {}

    def one(self, name: str) -> str | None:
        """Return the first value of a parameter that came back."""
        return next(iter(self.answer.get(name, ())), None)

    def said(self, name: str) -> str | None:
        """Return what was sent as a parameter."""
        return dict(self.sent).get(name)


@dataclass(frozen=True, slots=True)
class OwnClient:
    """A client of the auditor's own.

    Attributes:
        credentials: Who it is.
        registration: How it was registered; None for a client that was there before.
    """

    credentials: ClientCredentials
    registration: Exchange | None = None

    @property
    def public(self) -> bool:
        """It has nothing to prove itself with."""
        return self.credentials.token_endpoint_auth_method == "none"


@dataclass(frozen=True, slots=True)
class ActiveEvidence:
    """Everything that the active rules look at.

    Attributes:
        server: What was seen without a login.
        document: The authorization server's metadata; None if there is none to go by.
        client: The auditor's client; None if there is none.
        other: A second one, for what must not be possible to another client.
        redirect_uri: Of both.
        resource: What was sent as `resource`.
        visits: The logins, by name.
        seen: Requests and answers, by name.
        unseen: Why something is not in `visits` or `seen`, by name.
        bound: The tokens are bound to a key (RFC 9449).
        exchanges: The whole recording.
    """

    server: ServerEvidence
    document: Fetched | None = None
    client: OwnClient | None = None
    other: OwnClient | None = None
    redirect_uri: str = ""
    resource: str | None = None
    visits: Mapping[str, Visit] = field(default_factory=dict)
    seen: Mapping[str, Exchange] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    bound: bool = False
    exchanges: tuple[Exchange, ...] = ()

    # --- or why not ---------------------------------------------------------------------------------------

    def exchange(self, name: str) -> Exchange:
        """Return an exchange, or raise `CannotTell` with the reason why there is none."""
        if name not in self.seen:
            raise self._missing(name)
        return self.seen[name]

    def visit(self, name: str) -> Visit:
        """Return a login that came back, or raise `CannotTell`."""
        if name not in self.visits:
            raise self._missing(name)
        visit = self.visits[name]
        if visit.arrived is None:
            raise inconclusive(f"{visit.asked.purpose}: {visit.failure}")
        return visit

    def login(self, name: str) -> Visit:
        """Return a login that brought a code, or raise `CannotTell`."""
        visit = self.visit(name)
        if visit.one("code") is None:
            said = printable(visit.one("error") or "no code", 60)
            raise inconclusive(f"{visit.asked.purpose}: it came back with {said}")
        return visit

    def why(self, name: str) -> str:
        """Say why something is missing."""
        return self.unseen.get(name) or self.unseen.get("all") or f"{name} was not tried"

    def _missing(self, name: str) -> Exception:
        why = self.why(name)
        if why.startswith("NOT_APPLICABLE: "):
            return not_applicable(why.removeprefix("NOT_APPLICABLE: "))
        return inconclusive(why)

    def stated(self, name: str) -> Any:
        """Return a member of the metadata, or None."""
        return (self.document.members or {}).get(name) if self.document else None

    def must_have_document(self) -> Fetched:
        """Return the metadata, or raise `CannotTell`."""
        self.server.must_be_protected()
        if self.document is None:
            raise self._missing("document")
        return self.document

    def must_have_token(self) -> Exchange:
        """Return the answer that gave the first token, or raise `CannotTell`: the positive control."""
        self.server.must_be_protected()
        granted = self.exchange("redeemed")
        if not gives_token(granted):
            raise inconclusive(f"the first login brought no token: {granted.said}")
        return granted

    def token(self, name: str = "redeemed", member: str = "access_token") -> str | None:
        """Return a token out of a named answer; None if there is none."""
        return text_member(self.seen[name], member) if name in self.seen else None

    def gave(self, *names: str) -> Mapping[str, Exchange]:
        """Return those of the named answers that are there."""
        return {name: self.seen[name] for name in names if name in self.seen}

    def not_seen(self, name: str, defect: str) -> Results:
        """Say that one of several probes is missing, and why."""
        why = self.why(name)
        if not why.startswith("NOT_APPLICABLE: "):
            yield NotChecked(f"INCONCLUSIVE: {defect}: {why}")
