"""Logins for an audit: a person's browser is sent to the authorization endpoint, with defects or without."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from mcp_vacuum.audit.evidence.active import Visit
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.reaction import parameters
from mcp_vacuum.drivers.aio import visited
from mcp_vacuum.drivers.loopback import WideListener
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.protocol.effects import Authorize
from mcp_vacuum.protocol.pkce import PKCEChallenge
from mcp_vacuum.safety.url import BrowserUrl, authorization_url, check_endpoint, printable

Parameters = Sequence[tuple[str, str]]


def listen(redirect_uri: str | None, port: int) -> WideListener:
    """Open the callback, before a client is registered for it."""
    if redirect_uri is None:
        return WideListener(port=port)
    listener = WideListener.for_redirect_uri(redirect_uri)
    assert isinstance(listener, WideListener)
    return listener


@dataclass(slots=True)
class Sound:
    """A sound authorization request, and the verifier that belongs to it."""

    parameters: list[tuple[str, str]]
    verifier: str
    state: str

    def changed(self, **changes: str | None) -> list[tuple[str, str]]:
        """Return the parameters with some replaced, and without those that are None."""
        given = {**dict(self.parameters), **changes}
        return [(name, value) for name, value in given.items() if value is not None]


def sound(session: Session, *, state: str = "", verifier: str = "", other: bool = False) -> Sound:
    """Return the request of an ordinary login, as ours or as the other client."""
    challenge, made = PKCEChallenge.generate_challenge()
    if verifier:
        challenge, made = challenge_of(verifier), verifier
    state = state or secrets.token_urlsafe(24)
    client = session.other if other else session.client
    assert client is not None
    return Sound(
        [
            ("response_type", "code"),
            ("client_id", client.credentials.client_id),
            ("redirect_uri", session.redirect_uri),
            ("state", state),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
            *((("scope", session.scope),) if session.scope else ()),
            *((("resource", session.resource),) if session.resource else ()),
        ],
        made,
        state,
    )


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier that need not be a good one."""
    from mcp_vacuum.protocol.pkce import s256
    from mcp_vacuum.safety.secret import Secret

    return s256(Secret(verifier))


def request_url(session: Session, parameters: Parameters) -> BrowserUrl:
    """Return the authorization URL of a request, whatever is wrong with it.

    Raises:
        SecurityRefused: The endpoint cannot be opened safely.
    """
    endpoint = check_endpoint(session.endpoint("authorization") or "", "authorization_endpoint")
    return authorization_url(endpoint, parameters)


@dataclass(slots=True)
class Logins:
    """The logins of one audit, counted."""

    session: Session
    listener: WideListener
    used: int = 0
    gone: str = ""
    _states: set[str] = field(default_factory=set)

    async def visit(
        self, name: str, purpose: str, parameters: Parameters, *, sound: bool = True, counts: bool = True
    ) -> Visit:
        """Have the person log in once more; what comes back is not believed, only written down.

        Args:
            name: What the rules call it.
            purpose: What it is for, in a few words, for people.
            parameters: Of the request.
            sound: Nothing is wrong with it: who does not come back from it is gone.
            counts: It needs the person to do something.
        """
        options, session = self.session.options, self.session
        why = self.gone or ("" if self.used < options.most_logins else "the limit of logins is reached")
        url = request_url(session, parameters)
        how = f"not opened: {why}" if why else "opened in the browser"
        asked = session.wire.visited(purpose, "GET", url, how)
        visit = Visit(name, tuple(parameters), asked, failure=why)
        if not why:
            self.used += counts
            session.progress("login", f"login {self.used} of at most {options.most_logins}: {purpose}")
            seconds = options.timeout if sound else min(options.timeout, options.defect_timeout)
            visit = await self._visited(visit, url, seconds, purpose)
        if sound and visit.arrived is None and not why:
            self.gone = f"nobody came back from a login before: {visit.failure}"
        session.visits[name] = visit
        return visit

    async def _visited(self, visit: Visit, url: BrowserUrl, seconds: float, purpose: str) -> Visit:
        state = visit.said("state")
        person = self.session.ways(self.listener, seconds)
        authorize = Authorize(url, self.listener.redirect_uri, self._accepts(frozenset(self._states)))
        self._states |= {state} if state else set()
        try:
            arrived = await anyio.to_thread.run_sync(
                visited, self.session.wire.policy, person, authorize, abandon_on_cancel=True
            )
        except VacuumError as error:
            return Visit(visit.name, visit.sent, visit.asked, None, printable(error.message))
        verb = self.listener.came.get(arrived, "")
        what = f"{purpose}: back from the browser"
        back = self.session.wire.visited(what, verb or "GET", arrived, "our callback")
        return Visit(visit.name, visit.sent, visit.asked, back, verb=verb)

    @staticmethod
    def _accepts(earlier: frozenset[str]) -> Callable[[str], bool]:
        """Take every answer but a late one to an earlier login."""

        def accepts(redirect_url: str) -> bool:
            answer = parameters(redirect_url)
            late = earlier & set(answer.get("state", ()))
            return not late and bool({"code", "error", "access_token", "id_token"} & answer.keys())

        return accepts
