"""The tokens of an unlocked agent: which login a name means, its token, and what must not be lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mcp_vacuum.agent.wire import Adopt
from mcp_vacuum.errors import GenerationConflict, LoginRequired, StorageError
from mcp_vacuum.models import Credential, OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.ahead import RefreshAhead
from mcp_vacuum.tokens.facts import refreshable, seen
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT, Renewal, prover_of, route_of_record
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import find_login, login_tokens, resource_of


@dataclass(frozen=True, slots=True)
class Login:
    """A login that somebody asked for.

    Attributes:
        server, account: Its full name.
        resource: What its tokens may be sent to.
        token_type: ``Bearer`` or ``DPoP``, as granted last.
        tokens: Its tokens.
    """

    server: str
    account: str
    resource: str | None
    token_type: str
    tokens: LoginTokens


class Keeper:
    """Logins by the names that people use, as long as nobody else changes the store."""

    def __init__(self, store: CredentialStore) -> None:
        """Take an open store."""
        self.store = store
        self.ahead = RefreshAhead()
        self._known: dict[tuple[str, str], Login] = {}
        self._stamp: object = None
        self._only_here: set[Place] = set()
        self._made_at: dict[Place, float] = {}

    def known(self, name: str, account: str) -> Login | None:
        """Return a login that `find` found, unless the store was changed by somebody else since.

        Raises:
            StorageError: The store is gone.
        """
        stamp = self.store.stamp()
        if stamp != self._stamp:
            self._known.clear()
            self._stamp = stamp
        return self._known.get((name, account))

    def find(self, name: str, account: str) -> Login:
        """Look a login up; blocks. A token that a newer login has replaced is dropped.

        Raises:
            LoginRequired, UsageError, StorageError: See `find_login`.
        """
        try:
            credential = find_login(self.store, name, account)
        except LoginRequired:
            self._drop_logged_out()
            raise
        tokens = login_tokens(self.store, credential, route_of_record)
        self._drop_if_replaced(tokens.place, credential)
        return Login(
            credential.server, credential.account, resource_of(credential), credential.token_type, tokens
        )

    def _drop_if_replaced(self, place: Place, credential: Credential) -> None:
        """Generations count up within one login; a login that was ended and made anew begins at 1 again."""
        held, made_at = ACCESS_TOKENS.get(place), self._made_at.get(place, credential.created_at)
        self._made_at[place] = credential.created_at
        replaced = made_at != credential.created_at
        if (
            held is not None
            and held.unsaved is None
            and (replaced or held.generation < credential.generation)
        ):
            ACCESS_TOKENS.forget(place)

    def _drop_logged_out(self) -> None:
        for place in ACCESS_TOKENS.places():
            if self.store.get(place[1], place[2]) is None:
                self.forget(place[1], place[2])

    def remember(self, name: str, account: str, login: Login) -> None:
        """Keep what `find` found until the store changes."""
        self._known[name, account] = login

    def logins(self, name: str | None, account: str) -> dict[str, Any]:
        """Return what may be shown of all logins, or of one, as JSON values; blocks.

        Raises:
            LoginRequired, UsageError, StorageError: See `find_login`.
        """
        held = {(server, account) for server, account, _ in self.held()}
        return asdict(seen(self.store, name, account, held))

    def adopt(self, adopted: Adopt) -> None:
        """Hold a token that a login in another process got; blocks.

        Raises:
            LoginRequired: There is no such login.
            GenerationConflict: The stored login is not the one that the token came with.
            StorageError: The store cannot be read.
        """
        place = (self.store.location, adopted.server, adopted.account)
        with self.store.lease(adopted.server, adopted.account, LEASE_TIMEOUT):
            credential = self.store.get(adopted.server, adopted.account)
            if credential is None:
                raise LoginRequired(adopted.server, "no login is stored", account=adopted.account)
            if credential.generation != adopted.generation:
                raise GenerationConflict(f"the token for {adopted.server} is not of the stored login")
            token = OAuth2Token(
                adopted.access_token.reveal(),
                adopted.token_type,
                max(adopted.expires_in, 1),
                scope=adopted.scope,
                created_at=min(adopted.created_at, time.time()),
            )
            known = ACCESS_TOKENS.get(place)
            if known is not None and known.unsaved is not None:
                raise GenerationConflict(f"a newer login of {adopted.server} waits to be stored")
            held = Held(token, adopted.generation, adopted.mono, prover=prover_of(credential, known))
            ACCESS_TOKENS.put(place, held)
            self._made_at[place] = credential.created_at
        if not refreshable(credential):
            self._only_here.add(place)

    def forget(self, server: str, account: str) -> None:
        """Drop the token of a login, and what is known of it."""
        place = (self.store.location, server, account)
        ACCESS_TOKENS.forget(place)
        self._only_here.discard(place)
        self._known.clear()

    def needed(self) -> bool:
        """True while something is here that would be lost with this process."""
        self._only_here = {place for place in self._only_here if _lives(ACCESS_TOKENS.get(place))}
        return bool(self._only_here) or has_unsaved()

    def save_unsaved(self) -> None:
        """Store the refresh tokens that could not be stored when they came; blocks."""
        for _, server, account in list(_unsaved()):
            try:
                Renewal(self.store, server, account).save_unsaved()
            except LoginRequired:
                self.forget(server, account)  # logged out meanwhile
            except StorageError:
                continue  # it is tried again, and said by whoever met it first

    def drop_all(self) -> None:
        """Forget every token, but not one whose refresh token is nowhere else."""
        for place in ACCESS_TOKENS.places():
            held = ACCESS_TOKENS.get(place)
            if held is not None and held.unsaved is None:
                ACCESS_TOKENS.forget(place)
        self._only_here.clear()
        self._known.clear()

    def held(self) -> list[tuple[str, str, float]]:
        """Return server, account and seconds left of every token here."""
        return [
            (place[1], place[2], held.left())
            for place in ACCESS_TOKENS.places()
            if (held := ACCESS_TOKENS.get(place)) is not None and held.left() > 0
        ]


def has_unsaved() -> bool:
    """True while the only living refresh token of a login is in this memory."""
    return any(True for _ in _unsaved())


def _unsaved() -> Iterator[Place]:
    for place in ACCESS_TOKENS.places():
        held = ACCESS_TOKENS.get(place)
        if held is not None and held.unsaved is not None:
            yield place


def _lives(held: Held | None) -> bool:
    return held is not None and held.left() > 0
