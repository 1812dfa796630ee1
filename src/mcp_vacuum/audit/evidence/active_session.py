"""One active audit under way: what it has, whom it turns to, and the requests that all of its parts send."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from mcp_vacuum.audit.evidence.active import ActiveEvidence, OwnClient, Visit
from mcp_vacuum.audit.evidence.server import Fetched, ServerEvidence, greeting, hints
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import error_of, text_member
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.login_options import Progress, Ways, by_browser, silent
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.effects import HeaderList
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.scopes import choose_scope
from mcp_vacuum.safety.limits import PERSON_TIMEOUT, TOKEN_TIMEOUT

MOST_LOGINS = 16
"""Twelve are usual where a server uses codes up at a failure, eight where not; the rest is for what it takes
that it should refuse."""
MOST_REQUESTS = 500
"""In one active audit; a third of it is the usual."""
DEFECT_PATIENCE = 60.0
"""Seconds to wait for a login that a good server ends with an error page, from which nobody comes back."""

Form = Sequence[tuple[str, str | None]]

Waiting = Callable[[float, str], Awaitable[None]]
"""Lets so many seconds pass; the words say for people what is waited for."""


async def asleep(seconds: float, _what: str) -> None:
    """Wait, and show nothing."""
    await anyio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveOptions:
    """What a person wants of an active audit.

    Attributes:
        client: A client that was registered beforehand; None registers one.
        client_metadata_url: A client ID metadata document to be the client.
        redirect_uri: Of that client, on loopback; without a port it gets a free one.
        callback_port: The port of the default redirect URI; 0 for a free one.
        other_resource: Another resource that the authorization server issues tokens for.
        timeout: Seconds to wait for the person, at each login.
        defect_timeout: The same, where an error page may be the end.
        most_logins: How often the person is asked at most.
        patient: Hold a code for longer than ten minutes, to see that it is not taken any more: a login more.
        grace: Seconds in which a replaced refresh token may still work (trap: a lost answer is repeated).
        expiry: Seconds to wait at most for the end of a pushed request.
    """

    client: ClientCredentials | None = None
    client_metadata_url: str | None = None
    redirect_uri: str | None = None
    callback_port: int = 0
    other_resource: str | None = None
    timeout: float = PERSON_TIMEOUT
    defect_timeout: float = DEFECT_PATIENCE
    most_logins: int = MOST_LOGINS
    patient: bool = False
    grace: float = 61.0
    expiry: float = 65.0


AS_USUAL = ActiveOptions()


@dataclass(slots=True)
class Session:
    """What an active audit has so far; its parts add to it."""

    wire: Wire
    server: ServerEvidence
    document: Fetched
    options: ActiveOptions = AS_USUAL
    ways: Ways = by_browser
    progress: Progress = silent
    wait: Waiting = asleep
    client: OwnClient | None = None
    other: OwnClient | None = None
    redirect_uri: str = ""
    prover: Prover | None = None
    visits: dict[str, Visit] = field(default_factory=dict)
    seen: dict[str, Exchange] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    made: list[ClientCredentials] = field(default_factory=list)

    # --- what is known ------------------------------------------------------------------------------------

    def endpoint(self, name: str) -> str | None:
        """Return an endpoint of the metadata, unchecked."""
        return self.document.text(f"{name}_endpoint")

    @property
    def issuer(self) -> str:
        """The authorization server's name for itself."""
        return self.document.text("issuer") or ""

    @property
    def resource(self) -> str | None:
        """What to send as `resource`."""
        found = self.server.resource_metadata
        return found.text("resource") if found else self.server.url

    @property
    def scope(self) -> str | None:
        """What to ask for."""
        told = [hint.scope for hint in map(hints, self.server.greetings.values()) if hint]
        found = self.server.resource_metadata
        return choose_scope(
            challenged=next(filter(None, told), None),
            resource_scopes=found.words("scopes_supported") if found else None,
            server_scopes=self.document.words("scopes_supported"),
        )

    @property
    def credentials(self) -> ClientCredentials:
        """The auditor's client."""
        assert self.client is not None
        return self.client.credentials

    def token(self, name: str, member: str = "access_token") -> str | None:
        """Return a token out of a named answer."""
        return text_member(self.seen[name], member) if name in self.seen else None

    # --- what is sent -------------------------------------------------------------------------------------

    async def ask_for_token(
        self,
        name: str,
        purpose: str,
        form: Form,
        client: ClientCredentials | None = None,
        *,
        prover: Prover | None = None,
    ) -> Exchange:
        """Send a token request as a client, with a proof where tokens are bound, and keep the answer."""
        prover = prover or self.prover
        exchange = await self._posted(purpose, "token", form, client or self.credentials, prover)
        fresh = prover is not None and prover.note(exchange.url, exchange.header("dpop-nonce"))
        if fresh and error_of(exchange) == "use_dpop_nonce":
            exchange = await self._posted(purpose, "token", form, client or self.credentials, prover)
        self.seen[name] = exchange
        return exchange

    async def ask_with_proof(self, name: str, purpose: str, form: Form, proof: str | None) -> Exchange:
        """Send a token request with this proof, whatever it is, or without one, and keep the answer."""
        url = self.endpoint("token") or ""
        made = authenticated_form(url, "token", self.credentials, form)
        headers = made.headers + ((("DPoP", proof),) if proof else ())
        self.seen[name] = await self.wire.send(
            purpose, "POST", url, headers=headers, body=made.body, timeout=TOKEN_TIMEOUT
        )
        return self.seen[name]

    async def post(
        self, name: str, purpose: str, endpoint: str, form: Form, client: ClientCredentials
    ) -> Exchange:
        """POST a form to another endpoint as a client, and keep the answer."""
        self.seen[name] = await self._posted(purpose, endpoint, form, client, None)
        return self.seen[name]

    async def _posted(
        self, purpose: str, endpoint: str, form: Form, client: ClientCredentials, prover: Prover | None
    ) -> Exchange:
        url = self.endpoint(endpoint) or ""
        try:
            made = authenticated_form(url, endpoint, client, form)
        except SecurityRefused:
            return await self.wire.send(purpose, "POST", url)  # which sends nothing there, and says so
        headers = made.headers + (self._proof(prover, "POST", url) if prover else ())
        return await self.wire.send(
            purpose, "POST", url, headers=headers, body=made.body, timeout=TOKEN_TIMEOUT
        )

    async def call(
        self,
        name: str,
        purpose: str,
        token: str | None,
        *,
        method: str = "initialize",
        url: str | None = None,
        more: HeaderList = (),
        body: bytes | None = None,
        verb: str = "POST",
        scheme: str | None = None,
    ) -> Exchange:
        """Send a read-only MCP request, with a token or without, and keep the answer."""
        headers, usual = greeting(method)
        url = url or self.server.url
        shown = self._shown(token, verb, scheme) if token is not None else ()
        body = (usual if body is None else body) if verb == "POST" else None
        exchange = await self.wire.send(purpose, verb, url, headers=(*headers, *shown, *more), body=body)
        if self.prover and shown and self.prover.note(url, exchange.header("dpop-nonce")):
            shown = self._shown(token or "", verb, scheme)
            exchange = await self.wire.send(purpose, verb, url, headers=(*headers, *shown, *more), body=body)
        self.seen[name] = exchange
        return exchange

    def _shown(self, token: str, verb: str, scheme: str | None) -> HeaderList:
        scheme = scheme or ("DPoP" if self.prover else "Bearer")
        shown: HeaderList = (("Authorization", f"{scheme} {token}"),)
        if scheme == "DPoP" and self.prover:
            shown += self._proof(self.prover, verb, self.server.url, token)
        return shown

    @staticmethod
    def _proof(prover: Prover, verb: str, url: str, token: str | None = None) -> HeaderList:
        jti = secrets.token_urlsafe(16)
        ours = token if token is None or token.isascii() else None
        return (("DPoP", prover.headers(verb, url, iat=int(time.time()), jti=jti, access_token=ours)),)

    # --- what it comes to ---------------------------------------------------------------------------------

    def evidence(self) -> ActiveEvidence:
        """Return what was seen, frozen."""
        return ActiveEvidence(
            self.server,
            self.document,
            self.client,
            self.other,
            self.redirect_uri,
            self.resource,
            dict(self.visits),
            dict(self.seen),
            dict(self.unseen),
            self.prover is not None,
            self.wire.exchanges,
        )

    def missing(self, why: str, *names: str) -> None:
        """Note why something cannot be seen."""
        self.unseen.update(dict.fromkeys(names, why))
