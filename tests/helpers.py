"""What tests of several rooms share: a login to the laboratory, and what it saw of us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.lab import Lab, LabConfig, Recorded, User
from mcp_vacuum.login import LoginOptions, LoginResult, Ways, login_blocking
from mcp_vacuum.models import Attempt, Credential
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import login_tokens

PATIENCE = 90.0
"""Seconds after which something that takes a fraction of one on an idle machine counts as a hang."""


def visited_by(user: User) -> Ways:
    """A person of the laboratory instead of a browser."""

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        return BrowserVisit(listener, timeout=timeout, opener=lambda url: bool(user.visit(url)))

    return ways


AGREES = visited_by(User())


def log_in(lab: Lab, store: CredentialStore, *, ways: Ways = AGREES, **options: Any) -> LoginResult:
    """Log in to the laboratory's MCP server with these `LoginOptions`."""
    return login_blocking(lab.mcp_url, LoginOptions(**options), store=store, ways=ways)


def refreshes(lab: Lab) -> tuple[Recorded, ...]:
    """The refresh requests that arrived."""
    return tuple(r for r in lab.recorder.to("/token") if r.form.get("grant_type") == ("refresh_token",))


@dataclass
class LoggedIn:
    """A fresh login, and ways to age it."""

    lab: Lab
    store: CredentialStore

    @property
    def server(self) -> str:
        return self.lab.mcp_url

    @property
    def place(self) -> Place:
        return (self.store.location, self.server, "default")

    @property
    def record(self) -> Credential:
        """The stored record as it is now."""
        found = self.store.get(self.server)
        assert found is not None
        return found

    @property
    def held(self) -> Held | None:
        """The access token in memory."""
        return ACCESS_TOKENS.get(self.place)

    @property
    def tokens(self) -> LoginTokens:
        """A new source over the stored login."""
        return login_tokens(self.store, self.record)

    @property
    def refresh_token(self) -> str:
        """The stored refresh token."""
        stored = self.record.refresh_token
        assert stored is not None
        return stored.reveal()

    def forget_access_token(self) -> None:
        """Do as a new process does: begin with the record alone."""
        ACCESS_TOKENS.forget(self.place)

    def almost_expire(self, seconds_left: float = 20) -> Held:
        """Age the access token in memory: refresh-worthy, but the server still takes it."""
        held = self.held
        assert held is not None
        token = replace(held.token, created_at=held.token.created_at - held.token.expires_in + seconds_left)
        ACCESS_TOKENS.forget(self.place)
        ACCESS_TOKENS.put(self.place, replace(held, token=token))
        aged = self.held
        assert aged is not None
        return aged

    def change(self, **members: Any) -> None:
        """Write the record anew with other values, its generation unchanged."""
        record = self.record
        self.store.put(replace(record, **members), expected_generation=record.generation)

    def interrupted(self) -> None:
        """Leave the journal of a process that died with this refresh token on its way."""
        record = self.record
        assert record.refresh_token is not None
        journal = Attempt(
            generation=record.generation,
            digest=self.store.fingerprint(record.refresh_token),
            at=0.0,
            host="elsewhere",
            boot_id="",
            pid=1,
            pid_start="",
        )
        self.change(journal=journal)


@contextmanager
def logged_in(config: LabConfig | None = None, store: CredentialStore | None = None) -> Iterator[LoggedIn]:
    """A laboratory and a login to it; what was recorded so far is forgotten."""
    with Lab(config) as lab:
        kept = store or memory_store()
        log_in(lab, kept)
        lab.recorder.clear()
        yield LoggedIn(lab, kept)


def wait_for(happened: Callable[[], object], what: str) -> None:
    """Block until something has happened elsewhere; fail if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.005)


async def until(seen: Callable[[], bool]) -> None:
    """Wait for what another thread brings about; the test's own time limit ends it."""
    while not seen():  # noqa: ASYNC110 - nobody could set an event
        await asyncio.sleep(0.01)
