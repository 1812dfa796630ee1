"""TokenSource: the one shape that every consumer of tokens takes, and the one over a stored login."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from mcp_vacuum.errors import LoginRequired, UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT, Binding
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.tokens.bind import Audience
from mcp_vacuum.tokens.lease import FLIGHTS, landed
from mcp_vacuum.tokens.policy import MIN_VALIDITY, good_enough

Headers = Mapping[str, str]
"""What a request has to carry, ``{"Authorization": "Bearer …"}``."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A 401 or 403 of the resource.

    Attributes:
        status: 401 or 403.
        headers: What the refused request carried, hidden in its repr; empty if it carried no token.
        challenges: The `WWW-Authenticate` lines of the answer.
        nonce: Its `DPoP-Nonce`.
        fresh: The token was obtained in this very call: another refresh would change nothing.
        attempt: How many requests of this call were refused, counting from 1.
    """

    status: int
    headers: Headers = field(repr=False)
    challenges: tuple[str, ...] = ()
    nonce: str | None = None
    fresh: bool = False
    attempt: int = 1


class TokenSource(Protocol):
    """Where a program gets the headers that authorize a request.

    Safe for concurrent use by tasks, threads and event loops.
    """

    def ready(self, method: str, url: str) -> Headers | None:
        """Return headers that are at hand, without waiting, or None.

        Raises:
            WrongAudience: `url` is not under the resource of this source.
        """
        ...

    async def headers(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """Return headers, refreshing if needed.

        Args:
            method: The request's method.
            url: The request's URL.
            refused: Headers that the resource answered with 401; they are not returned again.

        Raises:
            LoginRequired: Only a person can go on.
            ServerUnavailable, StorageError, AuthenticationError: See `Renewal.run`.
            WrongAudience: `url` is not under the resource of this source.
        """
        ...

    def headers_blocking(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """Like `headers`, without an event loop."""
        ...

    async def after(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """Return better headers after a refusal, or None where the refusal has to stand.

        Raises:
            LoginRequired: Only a person can go on; `hint` is the command, with the scopes that are asked for.
            ServerUnavailable, StorageError, AuthenticationError: See `Renewal.run`.
        """
        ...

    def after_blocking(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """Like `after`, without an event loop."""
        ...

    def note_nonce(self, url: str, nonce: str) -> None:
        """Remember the newest DPoP nonce of a server (RFC 9449 §8.2)."""
        ...


Renew = Callable[[float, int | None], Held]
"""Gets a token with so many seconds of life, whose generation is not the rejected one; blocks."""


class LoginTokens:
    """The tokens of one login; a `TokenSource` where its resource is known.

    It knows the token in memory, who waits for a new one, and what a refusal means. Where a new one comes
    from, the store of this process or the agent, is its caller's to say.
    """

    def __init__(
        self,
        place: Place,
        renew: Renew,
        *,
        resource: str | None = None,
        client_binding: Binding | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            place: Which login it is.
            renew: Gets a new token; called by one thread at a time for each login of this process.
            resource: What its tokens may be sent to; without one it gives tokens but no headers.
            client_binding: The binding of the caller's own client; a token that is bound to anything else
                is not handed out.
        """
        self.place = place
        self._renew = renew
        self._client_binding = client_binding
        self._check = Audience(resource).check if resource else self._refuse
        self._shown: tuple[Held | None, Headers] = (None, {})

    # --- tokens ---------------------------------------------------------------------------------------

    def at_hand(self, min_validity: float = MIN_VALIDITY) -> Held | None:
        """Return a good token from memory, or None: no lock, no I/O."""
        held = ACCESS_TOKENS.get(self.place)
        good = held is not None and good_enough(held, min_validity) and self._is_ours(held)
        return held if good else None

    def _is_ours(self, held: Held) -> bool:
        """False for a token that is bound otherwise than the caller's client; `Renewal` then says so."""
        return self._client_binding is None or held.token.binding in (None, self._client_binding)

    def obtain(self, min_validity: float = MIN_VALIDITY, *, rejected: int | None = None) -> Held:
        """Return a good token, refreshing at most once; blocks. See `Renewal.run` for what it raises."""
        held = self._unless_rejected(min_validity, rejected)
        if held is None:
            held = self._flight(min_validity, rejected).result()
            if held.generation == rejected:
                held = self._flight(min_validity, rejected).result()
        return held

    async def obtain_async(self, min_validity: float = MIN_VALIDITY, *, rejected: int | None = None) -> Held:
        """Like `obtain`, in any event loop; a cancelled wait leaves the refresh and other waiters alone."""
        held = self._unless_rejected(min_validity, rejected)
        if held is None:
            held = await landed(self._flight(min_validity, rejected))
            if held.generation == rejected:
                held = await landed(self._flight(min_validity, rejected))
        return held

    def _unless_rejected(self, min_validity: float, rejected: int | None) -> Held | None:
        held = self.at_hand(min_validity)
        return held if held is not None and held.generation != rejected else None

    def _flight(self, min_validity: float, rejected: int | None) -> Future[Held]:
        """Join the refresh of this login. One that began before a rejection may still give the old token."""
        return FLIGHTS.join((self.place, self._client_binding), lambda: self._renew(min_validity, rejected))

    # --- headers --------------------------------------------------------------------------------------

    def ready(self, method: str, url: str) -> Headers | None:
        """See `TokenSource.ready`."""
        # Every request comes through here, so calls are saved: `at_hand` and `_headers` by hand.
        self._check(url)
        held = ACCESS_TOKENS.get(self.place)
        if held is None or not good_enough(held):
            return None
        shown, headers = self._shown
        if shown is held:
            return headers
        return self._headers(held, method, url) if self._is_ours(held) else None

    async def headers(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers`."""
        self._check(url)
        return self._headers(await self.obtain_async(rejected=self._generation(refused)), method, url)

    def headers_blocking(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers_blocking`."""
        self._check(url)
        return self._headers(self.obtain(rejected=self._generation(refused)), method, url)

    async def after(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """See `TokenSource.after`."""
        if self._worth_another_try(url, rejection):
            refused = None if rejection.nonce else rejection.headers
            return await self.headers(method, url, refused=refused)
        return None

    def after_blocking(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """See `TokenSource.after_blocking`."""
        if self._worth_another_try(url, rejection):
            refused = None if rejection.nonce else rejection.headers
            return self.headers_blocking(method, url, refused=refused)
        return None

    def note_nonce(self, url: str, nonce: str) -> None:
        """See `TokenSource.note_nonce`."""
        self._note(url, nonce)

    def _note(self, url: str, nonce: str) -> bool | None:
        """Remember a nonce; True if it was news, None where no proofs are made."""
        held = ACCESS_TOKENS.get(self.place)
        return held.prover.note(url, nonce) if held is not None and held.prover is not None else None

    def _worth_another_try(self, url: str, rejection: Rejection) -> bool:
        """A nonce is worth one, an old token is worth a refresh, more scope needs a person."""
        from mcp_vacuum.protocol.challenge import bearer_hints

        hints = bearer_hints(rejection.challenges)
        if rejection.status == 403 and hints is not None and hints.error == "insufficient_scope":
            _, server, account = self.place
            raise scope_required(server, account, hints.scope)
        if rejection.status != 401:
            return False
        news = self._note(url, rejection.nonce) if rejection.nonce else None
        return not rejection.fresh if news is None else news

    def _refuse(self, _url: str) -> None:
        raise UsageError(f"the login {self.place[1]} names no resource that its tokens may be sent to")

    def _headers(self, held: Held, method: str, url: str) -> Headers:
        if held.prover is not None:
            return _proved(held, method, url)
        shown, headers = self._shown
        if shown is not held:
            headers = {"Authorization": f"Bearer {held.token.access_token}"}
            self._shown = (held, headers)
        return headers

    def _generation(self, refused: Headers | None) -> int | None:
        """Return which generation was refused; None if what is held now is another token already."""
        held = ACCESS_TOKENS.get(self.place)
        if not refused or held is None:
            return None
        carried = refused.get("Authorization", "").partition(" ")[2]
        return held.generation if carried == held.token.access_token else None


def _proved(held: Held, method: str, url: str) -> Headers:
    """A DPoP token with a fresh proof for one request (RFC 9449 §7.1)."""
    from secrets import token_urlsafe
    from time import time

    assert held.prover is not None
    access_token = held.token.access_token
    proof = held.prover.headers(
        method, url, iat=int(time()), jti=token_urlsafe(16), access_token=access_token
    )
    return {"Authorization": f"DPoP {access_token}", "DPoP": proof}


def scope_required(server: str, account: str, scope: str | None) -> LoginRequired:
    """Return the error for a 403 that asks for more scope (MCP authorization, Step-Up Authorization Flow)."""
    from shlex import quote

    from mcp_vacuum.safety.url import printable

    wanted = printable(scope or "").split()
    of_account = "" if account == DEFAULT_ACCOUNT else f" --account {quote(account)}"
    flags = "".join(f" --scope {quote(word)}" for word in wanted)
    return LoginRequired(
        server,
        f"it asks for more scope: {' '.join(wanted) or 'unnamed'}",
        hint=f"mcp-vacuum login {server}{of_account}{flags}",
        spec="RFC 6750 §3.1",
        account=account,
    )
