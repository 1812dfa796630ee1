"""TokenSources that log in while they work: by a person, or as the machine that they run on.

The first request goes out bare; what the server answers says how to log in. However many requests wait, a
person is asked once. A server that asks for more scope gets the union, a bounded number of times.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mcp_vacuum.agent.source import login_tokens
from mcp_vacuum.drivers.aio import CodeShower
from mcp_vacuum.errors import AuthenticationError, LoginRequired
from mcp_vacuum.login import DEFAULTS, LoginOptions, ResourceCheck, Ways, by_browser, login_blocking
from mcp_vacuum.machine import GrantOptions, grant_blocking
from mcp_vacuum.models import Credential
from mcp_vacuum.protocol.challenge import BearerHints, bearer_hints
from mcp_vacuum.protocol.discovery import Probe
from mcp_vacuum.protocol.scopes import union
from mcp_vacuum.safety.url import normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.tokens.lease import FLIGHTS, landed
from mcp_vacuum.tokens.source import Headers, LoginTokens, Rejection

if TYPE_CHECKING:
    from concurrent.futures import Future

MOST_AUTHORIZATIONS = 2
"""How often one request may send a person to the browser: to log in, and to grant more scope."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Why a person is asked.

    Attributes:
        greeting: What the server said.
        scope: Scopes to ask for; empty to let the server choose.
        force: There is a login, and it does not do.
        instead_of: The generation of the login that does not do; a newer one does.
        step_up: It is about more scope.
    """

    greeting: Probe
    scope: tuple[str, ...] = ()
    force: bool = False
    instead_of: int = 0
    step_up: bool = False


class ChallengedSource(ABC):
    """Tokens for one server, had when the server asks for them: what both sources below share."""

    def __init__(self, server_url: str, account: str, store: CredentialStore | None) -> None:
        self.server = normalise_server_url(server_url)
        self.account = account
        self.store = store or memory_store()
        self._known: LoginTokens | None = None

    @abstractmethod
    def _wish(self, rejection: Rejection) -> Wish | None:
        """Decide whether to log in, and what to ask for; None to let the refusal stand."""

    @abstractmethod
    def _log_in(self, wish: Wish) -> None:
        """Log in; runs in a thread of its own, once for everybody who waits."""

    # --- TokenSource ----------------------------------------------------------------------------------

    def ready(self, method: str, url: str) -> Headers | None:
        """See `TokenSource.ready`; a request for a server that nobody logged in to goes out bare."""
        tokens = self._tokens()
        return {} if tokens is None else tokens.ready(method, url)

    async def headers(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers`. A login that has ended goes out bare: the answer begins a new one."""
        tokens = self._tokens()
        with suppress(LoginRequired):
            return {} if tokens is None else await tokens.headers(method, url, refused=refused)
        return {}

    def headers_blocking(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers_blocking`."""
        tokens = self._tokens()
        with suppress(LoginRequired):
            return {} if tokens is None else tokens.headers_blocking(method, url, refused=refused)
        return {}

    async def after(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """See `TokenSource.after`; where only a person can go on, a person is asked."""
        before = self._generation()
        better = self._newer(method, url, rejection)
        if better is None and (tokens := self._worth_asking(rejection)) is not None:
            with suppress(LoginRequired):
                better = await tokens.after(method, url, rejection)
        wish = self._wish_since(before, rejection) if better is None else None
        if wish is None:
            return better
        await self._logged_in(wish)
        return await self.headers(method, url)

    def after_blocking(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """See `TokenSource.after_blocking`."""
        before = self._generation()
        better = self._newer(method, url, rejection)
        if better is None and (tokens := self._worth_asking(rejection)) is not None:
            with suppress(LoginRequired):
                better = tokens.after_blocking(method, url, rejection)
        wish = self._wish_since(before, rejection) if better is None else None
        if wish is None:
            return better
        self._login(wish).result()
        return self.headers_blocking(method, url)

    def note_nonce(self, url: str, nonce: str) -> None:
        """See `TokenSource.note_nonce`."""
        tokens = self._tokens()
        if tokens is not None:
            tokens.note_nonce(url, nonce)

    # --- the login ------------------------------------------------------------------------------------

    def _tokens(self) -> LoginTokens | None:
        if self._known is None:
            credential = self._stored()
            if credential is not None:
                self._known = self._tokens_of(credential)
        return self._known

    def _tokens_of(self, credential: Credential) -> LoginTokens:
        return login_tokens(self.store, credential)

    def _newer(self, method: str, url: str, rejection: Rejection) -> Headers | None:
        """Headers that came while the refused request was on its way: somebody else logged in."""
        ready = self.ready(method, url)
        newer = ready and ready["Authorization"] != rejection.headers.get("Authorization")
        return ready if newer else None

    def _worth_asking(self, rejection: Rejection) -> LoginTokens | None:
        """The stored login, where it may have better headers; more scope it cannot have."""
        return self._tokens() if rejection.headers and not _asks_for_scope(rejection) else None

    def _wish_since(self, before: int, rejection: Rejection) -> Wish | None:
        """What to log in for; a login that is newer than generation `before` will do as well."""
        wish = self._wish(rejection)
        return None if wish is None else replace(wish, instead_of=min(wish.instead_of, before))

    def _generation(self) -> int:
        stored = self._stored()
        return stored.generation if stored else 0

    def _stored(self) -> Credential | None:
        return self.store.get(self.server, self.account)

    async def _logged_in(self, wish: Wish) -> None:
        """Wait for the login."""
        await landed(self._login(wish))

    def _login(self, wish: Wish) -> Future[None]:
        """Join the login that is under way, or begin one."""
        key = ("login", self.store.location, self.server, self.account)
        return FLIGHTS.join(key, lambda: self._run(wish))

    def _run(self, wish: Wish) -> None:
        newer = self._stored()
        if newer is not None and newer.generation > wish.instead_of and _covers(newer, wish.scope):
            return  # somebody logged in while we were waiting
        self._log_in(wish)
        self._known = None


class InteractiveSource(ChallengedSource):
    """Tokens for one server; turns to a person when the server asks for a login or for more scope."""

    def __init__(
        self,
        server_url: str,
        options: LoginOptions = DEFAULTS,
        *,
        store: CredentialStore | None = None,
        ways: Ways = by_browser,
        show_code: CodeShower | None = None,
        check_resource: ResourceCheck | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            server_url: The MCP server.
            options: For each login.
            store: Where logins are kept; in this process's memory if absent.
            ways: Who says yes, and how; the browser of this machine if absent.
            show_code: Shows the code of a device login.
            check_resource: Judges the resource of the server instead of our own check.
        """
        super().__init__(server_url, options.account, store)
        self.options = options
        self._ways = ways
        self._show_code = show_code
        self._check_resource = check_resource
        self._granted_unions: set[str] = set()
        self._lock = threading.Lock()

    def _wish(self, rejection: Rejection) -> Wish | None:
        """See `ChallengedSource`.

        Raises:
            AuthenticationError: The server refuses again what a person granted for it.
        """
        hints = bearer_hints(rejection.challenges)
        old = self._stored()
        generation = old.generation if old else 0
        if _asks_for_scope(rejection):
            self._check_patience(rejection)
            missing = hints.scope if hints else None
            asked = union(old.scope_asked, old.scope, missing) if old else missing
            return self._step_up(asked, hints, generation)
        if rejection.status != 401 or rejection.attempt > MOST_AUTHORIZATIONS:
            return None
        return Wish(Probe(401, "", hints), self.options.scope, old is not None, generation)

    def _check_patience(self, rejection: Rejection) -> None:
        """A server that wants another scope after each grant does not get a tab for each."""
        nonces = 2 if "DPoP" in rejection.headers else 0  # one for each of two keys
        if rejection.attempt > MOST_AUTHORIZATIONS + nonces:
            raise AuthenticationError(
                f"{self.server} asks for more scope again and again",
                hint="tell its operator",
                spec="MCP authorization, Step-Up Authorization Flow",
                url=self.server,
            )

    def _step_up(self, asked: str | None, hints: BearerHints | None, generation: int) -> Wish:
        """Ask for the union of what is granted and what is missing, once for each union."""
        words = (asked or "").split()
        key = " ".join(sorted(words))
        with self._lock:
            if key in self._granted_unions:
                raise AuthenticationError(
                    f"{self.server} asks for more scope again, although it was granted: {key or 'unnamed'}",
                    hint="tell its operator",
                    spec="MCP authorization, Step-Up Authorization Flow",
                    url=self.server,
                )
        challenge = replace(hints, scope=None) if hints else None
        return Wish(Probe(401, "", challenge), tuple(words), True, generation, step_up=True)

    def _log_in(self, wish: Wish) -> None:
        self._log_in_with(self.options, wish)

    def _log_in_with(self, options: LoginOptions, wish: Wish) -> None:
        login_blocking(
            self.server,
            replace(options, scope=wish.scope, force=wish.force),
            store=self.store,
            ways=self._ways,
            show_code=self._show_code,
            greeting=wish.greeting,
            check_resource=self._check_resource,
        )
        if wish.step_up:  # a person who was cancelled or declined may be asked again
            with self._lock:
                self._granted_unions.add(" ".join(sorted(wish.scope)))


class MachineSource(ChallengedSource):
    """Tokens for one server, had without a person. One grant for a challenge; an error is final."""

    def __init__(
        self, server_url: str, options: GrantOptions, *, store: CredentialStore | None = None
    ) -> None:
        """Open nothing yet; the store is this process's memory if absent."""
        super().__init__(server_url, options.account, store)
        self.options = options

    def _wish(self, rejection: Rejection) -> Wish | None:
        if rejection.status != 401 or rejection.headers:
            return None
        return Wish(Probe(401, "", bearer_hints(rejection.challenges)))

    def _log_in(self, wish: Wish) -> None:
        grant_blocking(self.server, self.options, store=self.store, greeting=wish.greeting)


def _covers(login: Credential, scope: tuple[str, ...]) -> bool:
    """True if a login asked for these scopes already; asking once more would bring nothing new."""
    return set(scope) <= set((union(login.scope_asked, login.scope) or "").split())


def _asks_for_scope(rejection: Rejection) -> bool:
    hints = bearer_hints(rejection.challenges) if rejection.status == 403 else None
    return hints is not None and hints.error == "insufficient_scope"
