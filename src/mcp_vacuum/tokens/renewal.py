"""One refresh of one stored login, from lease to commit. Blocking; runs in a thread of its own.

The order is the promise: win the lease, read the record anew, write the attempt down (which also proves
that the store can be written), send, commit, hand out. Whatever kills us in between, the next one finds
either the old record, the attempt, or the new record.
"""

from __future__ import annotations

import logging
import os
import platform
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.errors import LoginRequired, SecurityRefused, StorageError, UsageError
from mcp_vacuum.models import Attempt, Binding, ClientCredentials, Credential
from mcp_vacuum.protocol.flows import RefreshResult, refresh
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.token import Granted, as_error, keep_what_was_left_out
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.secure import bind, credential_of
from mcp_vacuum.tokens.machine import MACHINE_GRANTS, machine_flow
from mcp_vacuum.tokens.policy import Verdict, doubted_again, good_enough, judge

LEASE_TIMEOUT = 60.0
PATIENCE = 10.0
_LOG = logging.getLogger("mcp_vacuum")

RouteOf = Callable[[Credential], Route | None]
"""Chooses the way to the servers of a login; None leaves it to the environment, at each request."""


def by_environment(_credential: Credential) -> None:
    """Let the environment decide: right for a program that the person started in a shell of today."""


def route_of_record(credential: Credential) -> Route:
    """Return the way that the login itself went, whatever the environment of this program says."""
    return Route(credential.proxy, credential.ca_file)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is wanted: a token for one login.

    Attributes:
        store: Where the login is.
        server, account: Which login.
        client, client_binding: The caller's own client, if it has one: a record bound otherwise is
            refused, one that is not bound yet is bound to it.
        rejected: The generation whose access token the resource refused; None if none was.
        min_validity: Seconds.
        route: Which way its requests go.
    """

    store: CredentialStore
    server: str
    account: str
    client: ClientCredentials | None = None
    client_binding: Binding | None = None
    rejected: int | None = None
    min_validity: float = 60.0
    route: RouteOf = by_environment

    @property
    def place(self) -> Place:
        """Where the access token is held in memory."""
        return (self.store.location, self.server, self.account)

    def run(self) -> Held:
        """Return a token with enough life in it, refreshing at most once.

        Raises:
            LoginRequired: Only a person can go on.
            SecurityRefused: The record belongs to another endpoint, client, issuer or resource.
            OAuthError, AuthenticationError: The server's answer, as it came; nothing was cleared.
            ServerUnavailable: No answer, or *try later*; nothing was cleared.
            StorageError: The store cannot be written; nothing was sent.
            UsageError: The proxy or the trusted certificates cannot be used; nothing was sent.
        """
        with self.store.lease(self.server, self.account, LEASE_TIMEOUT):
            credential = self._read()
            held = ACCESS_TOKENS.get(self.place)
            if held is not None and self._still_good(held, credential):
                return held
            return self._refresh(credential, held)

    def save_unsaved(self) -> None:
        """Store the refresh token that an earlier refresh could not store, if there is one.

        Raises:
            StorageError: It still cannot be stored; it stays in memory.
        """
        with self.store.lease(self.server, self.account, LEASE_TIMEOUT):
            self._stored()

    def _still_good(self, held: Held, credential: Credential) -> bool:
        current = held.generation == credential.generation and held.generation != self.rejected
        return current and good_enough(held, self.min_validity)

    def _read(self) -> Credential:
        return self._bound(self._stored())

    def _stored(self) -> Credential:
        credential = self.store.get(self.server, self.account)
        if credential is None:
            raise LoginRequired(self.server, "no login is stored", account=self.account)
        held = ACCESS_TOKENS.get(self.place)
        if held is None or held.unsaved is None:
            return credential
        current = held.unsaved.generation == credential.generation + 1
        if current:  # else somebody logged in anew, and the token that could not be stored is of no use
            self._save(held.unsaved, credential.generation)
            credential = held.unsaved
        ACCESS_TOKENS.put(self.place, replace(held, unsaved=None))
        return credential

    def _bound(self, credential: Credential) -> Credential:
        """Refuse a record of another client; bind one that nothing was bound to yet."""
        wanted, actual = self.client_binding, credential.binding
        if wanted is None or wanted == actual:
            return replace(credential, client=self._with_own_secret(credential.client))
        if actual is not None:
            raise SecurityRefused(
                f"the login for {self.server} belongs to another client, server or resource",
                hint="log in with this client; a refresh token is never sent elsewhere",
                spec="OAuth 2.1 §4.3, RFC 9700 §4.14",
            )
        bound = replace(bind(credential, wanted), client=self.client)
        self.store.put(bound, expected_generation=credential.generation)
        return bound

    def _with_own_secret(self, kept: ClientCredentials | None) -> ClientCredentials | None:
        """The caller's secret counts; how the client was registered is the record's to say."""
        own = self.client
        if own is None or kept is None or own.client_secret is None:
            return kept or own
        method = own.token_endpoint_auth_method
        return replace(kept, client_secret=own.client_secret, token_endpoint_auth_method=method)

    # --- the refresh itself ---------------------------------------------------------------------------

    def _refresh(self, credential: Credential, held: Held | None) -> Held:
        if credential.ended is not None:
            raise self._login_required(credential.ended)
        if credential.grant in MACHINE_GRANTS:
            return self._grant_anew(credential, held)
        if credential.refresh_token is None or credential.binding is None or credential.client is None:
            raise LoginRequired(self.server, "the server gave no refresh token", account=self.account)
        usable = held if held and held.left() > 0 and held.generation != self.rejected else None
        lost_before = self._lost_before(credential)
        prover = prover_of(credential, held)
        journalled = replace(credential, journal=self._attempt(credential))
        self.store.put(journalled, expected_generation=credential.generation)
        flow = refresh(
            credential.client,
            credential.binding,
            credential.refresh_token,
            patience=0.0 if usable else PATIENCE,
            resend=usable is None,
            jitter=random.random,
            clock=time.monotonic,
            prover=prover,
        )
        try:
            result = self._driver(credential).run(flow)
        except UsageError as error:  # no way to go: the proxy or the certificates cannot be used
            self._note(journalled, journal=None)
            return self._or_still_usable(usable, error)
        return self._settle(journalled, result, usable, lost_before, prover)

    def _grant_anew(self, credential: Credential, held: Held | None) -> Held:
        """Ask again as the machine that we are. One request: retries and fallbacks are forbidden."""
        prover = prover_of(credential, held)
        granted = self._driver(credential).run(machine_flow(credential, prover))
        return self._commit(replace(credential, refresh_token=None), granted, prover)

    def _driver(self, credential: Credential) -> SyncDriver:
        return SyncDriver(policy_of(credential), route=self.route(credential))

    def _settle(
        self,
        credential: Credential,
        result: RefreshResult,
        usable: Held | None,
        lost_before: bool,
        prover: Prover | None,
    ) -> Held:
        """Act on the answer, by the table in `policy.py`."""
        if result.answer is None:
            assert result.failure is not None
            if not result.outcome_unknown:
                self._note(credential, journal=None)
            return self._or_still_usable(usable, result.failure)
        answer, verdict = result.answer, judge(result.answer, sent_before=lost_before or result.sent_before)
        if isinstance(answer, Granted):
            return self._commit(credential, answer, prover)
        if verdict in (Verdict.LOGIN_ENDED, Verdict.REPLY_LOST, Verdict.REGISTRATION_STALE):
            self._note(credential, journal=None, ended=verdict.name.lower())
            raise self._login_required(verdict.name.lower()) from as_error(answer)
        if verdict is Verdict.NO_ANSWER_TO_THIS:
            self._note(credential, journal=None, doubts=doubted_again(credential.doubts, time.time()))
            error = as_error(answer)
            error.hint = f"if this goes on: mcp-vacuum login {self.server} --force"
            return self._or_still_usable(usable, error)
        if not result.sent_before:
            self._note(credential, journal=None)
        return self._or_still_usable(usable if verdict is Verdict.TRY_LATER else None, as_error(answer))

    def _commit(self, credential: Credential, answer: Granted, prover: Prover | None) -> Held:
        """Store first, hand out second. A token whose record cannot be written is still handed out."""
        token = keep_what_was_left_out(
            answer.token, refresh_token=credential.refresh_token, scope=credential.scope
        )
        renewed = credential_of(self.server, token, credential)
        held = Held(token, renewed.generation, prover=prover)
        try:
            self._save(renewed, credential.generation)
        except StorageError as error:
            held = replace(held, unsaved=renewed)
            _LOG.warning("the new refresh token of %s is in memory only: %s", self.server, error)
        ACCESS_TOKENS.put(self.place, held)
        return held

    def _save(self, credential: Credential, expected_generation: int) -> None:
        self.store.put(credential, expected_generation=expected_generation)

    def _note(self, credential: Credential, **changes: object) -> None:
        """Write an outcome down; failing to is no reason to hide the outcome itself."""
        try:
            changed = replace(credential, **changes)  # type: ignore[arg-type]
            self.store.put(changed, expected_generation=credential.generation)
        except StorageError as error:
            _LOG.warning("the outcome of a refresh of %s could not be written: %s", self.server, error)

    def _or_still_usable(self, usable: Held | None, error: Exception) -> Held:
        if usable is None:
            raise error
        _LOG.warning("refreshing %s failed, its token is still valid: %s", self.server, error)
        return usable

    # --- the journal ----------------------------------------------------------------------------------

    def _lost_before(self, credential: Credential) -> bool:
        """An earlier holder of the lease sent this very token and never wrote down what came back."""
        journal, token = credential.journal, credential.refresh_token
        if journal is None or token is None:
            return False
        _LOG.warning("a refresh of %s was interrupted; its outcome is being recovered", self.server)
        return journal.digest == self.store.fingerprint(token)

    def _attempt(self, credential: Credential) -> Attempt:
        assert credential.refresh_token is not None
        return Attempt(
            generation=credential.generation,
            digest=self.store.fingerprint(credential.refresh_token),
            at=time.time(),
            host=platform.node(),
            boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
            pid=os.getpid(),
            pid_start=_pid_start(),
        )

    def _login_required(self, ended: str) -> LoginRequired:
        return LoginRequired(self.server, WHY_ENDED.get(ended, ended), account=self.account)


WHY_ENDED = {
    "login_ended": "the authorization server ended it (invalid_grant)",
    "reply_lost": "the answer to an earlier refresh was lost, and the old token is no longer accepted",
    "registration_stale": "the server no longer knows this client; the next login registers anew",
}
"""What `Credential.ended` means, in words."""


def prover_of(credential: Credential, held: Held | None) -> Prover | None:
    """Return what signs proofs for a login: the one in memory, which knows the nonces, or a new one."""
    if credential.dpop_key is None:
        return None
    if held is not None and held.prover is not None:
        return held.prover
    from mcp_vacuum.protocol.dpop import ProofKey

    return Prover(ProofKey.from_secret(credential.dpop_key))


def policy_of(credential: Credential) -> NetworkPolicy:
    """Return the network policy that the login was made under."""
    if credential.reach is None:
        return NetworkPolicy(host_of(credential.token_endpoint or ""))
    reach = Reach[credential.reach.upper()]
    return NetworkPolicy(host_of(credential.server), reach, credential.allow_private_network)


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _pid_start() -> str:
    """Return the start time of this process in the kernel's own count, where /proc tells it."""
    fields = _first_line("/proc/self/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""
