"""Codes, tokens and their families: pure state behind one lock.

A login makes a family. Refreshing rotates its refresh token; presenting a
rotated one later than the grace period means that somebody copied it, and the
whole family ends, access tokens included (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.messages import Refusal


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said yes to."""

    client_id: str
    subject: str
    scopes: tuple[str, ...]
    resource: str


Mint = Callable[[Approval, tuple[str, ...], float], str]
"""Makes an access token: of what was approved, with these scopes, until this Unix time."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One successful answer of /token; `expires_at` is Unix time in seconds."""

    access_token: str
    refresh_token: str | None
    scopes: tuple[str, ...]
    expires_at: float
    bound: bool = False


@dataclass(slots=True)
class _Family:
    """One login. `jkt` is the thumbprint of the key that its tokens are bound to (RFC 9449 §6)."""

    approval: Approval
    revoked: bool = False
    jkt: str | None = None
    keeps_access: bool = False


@dataclass(slots=True)
class _Code:
    approval: Approval
    redirect_uri: str
    challenge: str
    expires_at: float
    used: bool = False
    family: _Family | None = None


@dataclass(slots=True)
class _Refresh:
    family: _Family
    rotated_at: float = 0.0
    successor: Issued | None = None


@dataclass(slots=True)
class Access:
    """An access token's meaning. `scopes` may be narrower than what was approved."""

    approval: Approval
    scopes: tuple[str, ...]
    expires_at: float
    family: _Family = field(repr=False)

    @property
    def jkt(self) -> str | None:
        """The key that it is bound to; None for a bearer token."""
        return self.family.jkt


class Grants:
    """Everything the authorization server has handed out.

    Args:
        clock: Unix time in seconds.
        lifetime: Of access tokens, in seconds.
        code_lifetime: Of codes, in seconds.
        grace: Seconds in which a rotated refresh token gets its successor again.
        rotate: Whether refreshing replaces the refresh token.
        faults: What is wrong with it.
        mint: Makes access tokens; random strings if None.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        lifetime: float,
        grace: float,
        rotate: bool,
        code_lifetime: float = 60.0,
        faults: Faults | None = None,
        mint: Mint | None = None,
    ) -> None:
        self._faults, self._mint = faults or Faults(), mint
        self._clock, self._lifetime, self._grace, self._rotate = clock, lifetime, grace, rotate
        self._code_lifetime = code_lifetime
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, Access] = {}
        self._refresh: dict[str, _Refresh] = {}
        self._reuses = 0

    @property
    def reuses(self) -> int:
        """How often a rotated refresh token came outside the grace period."""
        return self._reuses

    def issued(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Every code, access token and refresh token ever made, oldest first."""
        with self._lock:
            return tuple(self._codes), tuple(self._access), tuple(self._refresh)

    def issue_code(self, approval: Approval, redirect_uri: str, challenge: str) -> str:
        """Make a code, good once and for its lifetime; `challenge` is S256."""
        code = "code-" + secrets.token_urlsafe(24)
        with self._lock:
            if self._faults.counts_codes:
                code = f"code-{1000 + len(self._codes)}"
            self._codes[code] = _Code(approval, redirect_uri, challenge, self._clock() + self._code_lifetime)
        return code

    def redeem(
        self,
        code: str,
        client_id: str,
        verifier: str,
        *,
        redirect_uri: str | None,
        resource: str | None,
        refreshable: bool,
        jkt: str | None = None,
    ) -> Issued:
        """Exchange a code (OAuth 2.1 §4.1.3). Any attempt uses it up.

        `redirect_uri` and `resource` are compared where the client sent them.

        Raises:
            Refusal: invalid_grant or invalid_target. For a code that was used
                before, what it brought is revoked too.
        """
        with self._lock:
            grant = self._codes.get(code)
            ours = grant and (grant.approval.client_id == client_id or self._faults.code_for_any_client)
            if grant is None or not ours:
                raise Refusal("invalid_grant", "the code is unknown, or another client's")
            self._use_up(grant)
            anywhere = None if self._faults.code_for_any_redirect else redirect_uri
            _check_code(grant, self._clock(), verifier, anywhere, resource, self._faults)
            grant.family = _Family(grant.approval, jkt=jkt)
            return self._issue(grant.family, grant.approval.scopes, refreshable)

    def issue(self, approval: Approval, *, refreshable: bool, jkt: str | None = None) -> Issued:
        """Give tokens for what needs no code: a machine's own grant, or a device that a person let in."""
        with self._lock:
            return self._issue(_Family(approval, jkt=jkt), approval.scopes, refreshable)

    def refresh(
        self,
        token: str,
        client_id: str,
        *,
        scopes: tuple[str, ...],
        resource: str | None,
        keep: bool = False,
        jkt: str | None = None,
    ) -> Issued:
        """Use a refresh token (OAuth 2.1 §4.3).

        Args:
            token: As presented.
            client_id: Of the client that authenticated itself.
            scopes: Wanted, at most those approved; empty means all of them.
            resource: As sent, or None.
            keep: Leave the refresh token as it is this once, and answer without one.
            jkt: Of the request's proof; a bound refresh token needs the same key (RFC 9449 §5).

        Raises:
            Refusal: invalid_grant, invalid_scope or invalid_target.
        """
        with self._lock:
            record = self._refresh.get(token)
            any_client = self._faults.refresh_for_any_client
            if record is None or not (any_client or record.family.approval.client_id == client_id):
                raise Refusal("invalid_grant", "the refresh token is unknown, or another client's")
            if record.family.jkt not in (None, jkt):
                raise Refusal("invalid_grant", "the refresh token is bound to another key")
            successor = self._successor(record)
            if record.family.revoked:
                raise Refusal("invalid_grant", "the grant was revoked")
            _check_narrowing(record.family.approval, () if self._faults.refresh_widens else scopes, resource)
            return successor or self._renew(token, record, scopes or record.family.approval.scopes, keep)

    def access(self, token: str) -> Access | None:
        """What an access token means, None if it is unknown, expired or revoked."""
        with self._lock:
            access = self._access.get(token)
            ended = access and access.family.revoked and not access.family.keeps_access
            good = access and not ended and access.expires_at > self._clock()
            return access if good else None

    def revoke(self, token: str, client_id: str) -> None:
        """Revoke a client's own token (RFC 7009): a refresh token takes its family along."""
        with self._lock:
            refresh, access = self._refresh.get(token), self._access.get(token)
            if self._faults.revoke_does_nothing:
                return
            anybody = self._faults.anybody_revokes
            if refresh and (anybody or refresh.family.approval.client_id == client_id):
                refresh.family.revoked = True
                refresh.family.keeps_access = self._faults.revoke_keeps_access
            elif access and access.approval.client_id == client_id:
                access.expires_at = 0.0

    def revoke_everything(self) -> None:
        """End every family, and every code not yet exchanged."""
        with self._lock:
            for access in self._access.values():  # every family has at least one
                access.family.revoked = True
            for code in self._codes.values():
                code.used = True

    def expire_access_tokens(self) -> None:
        """Expire what was issued so far; refresh tokens stay good."""
        with self._lock:
            for access in self._access.values():
                access.expires_at = 0.0

    def seconds_left(self, issued: Issued) -> int:
        """`expires_in` of an answer: whole seconds, at least 1."""
        return max(1, round(issued.expires_at - self._clock()))

    def _use_up(self, code: _Code) -> None:
        if code.used and not self._faults.code_reusable:
            if code.family is not None and not self._faults.replay_forgiven:
                code.family.revoked = True
            raise Refusal("invalid_grant", "the code was used before")
        code.used = True

    def _successor(self, record: _Refresh) -> Issued | None:
        """What a rotated token became, None if it is not rotated. Reuse ends the family."""
        if record.successor is None:
            return None
        if self._clock() - record.rotated_at > self._grace or not self._grace:
            self._reuses += 1
            if self._faults.no_reuse_detection == "accepted":
                return None
            if self._faults.no_reuse_detection:
                raise Refusal("invalid_grant", "the refresh token was replaced")
            record.family.revoked = True
        return record.successor

    def _renew(self, token: str, record: _Refresh, scopes: tuple[str, ...], keep: bool) -> Issued:
        if keep or not self._rotate:
            fresh = self._issue(record.family, scopes, refreshable=False)
            return fresh if keep else replace(fresh, refresh_token=token)
        record.rotated_at = self._clock()
        record.successor = self._issue(record.family, scopes, refreshable=True)
        return record.successor

    def _issue(self, family: _Family, scopes: tuple[str, ...], refreshable: bool) -> Issued:
        expires_at = self._clock() + self._lifetime
        opaque = "at-" + secrets.token_urlsafe(24)
        access_token = self._mint(family.approval, scopes, expires_at) if self._mint else opaque
        self._access[access_token] = Access(family.approval, scopes, expires_at, family)
        refresh_token = "rt-" + secrets.token_urlsafe(24) if refreshable else None
        if refresh_token:
            self._refresh[refresh_token] = _Refresh(family)
        return Issued(access_token, refresh_token, scopes, expires_at, bound=family.jkt is not None)


def _check_code(
    code: _Code, now: float, verifier: str, redirect_uri: str | None, resource: str | None, faults: Faults
) -> None:
    if now > code.expires_at:
        raise Refusal("invalid_grant", "the code has expired")
    if redirect_uri is not None and redirect_uri != code.redirect_uri:
        raise Refusal("invalid_grant", "redirect_uri differs from the authorization request's")
    if not _fits(verifier, code.challenge, faults):
        raise Refusal("invalid_grant", "code_verifier does not match the challenge")
    _check_narrowing(code.approval, (), resource)


def _fits(verifier: str, challenge: str, faults: Faults) -> bool:
    """Whether a verifier belongs to a challenge (RFC 7636 §4.6)."""
    if faults.ignores_verifier or (faults.takes_challenge_for_verifier and verifier == challenge):
        return True
    if not challenge:
        return not (verifier and faults.refuses_unexpected_verifier)
    return secrets.compare_digest(s256(verifier), challenge)


def _check_narrowing(approval: Approval, scopes: tuple[str, ...], resource: str | None) -> None:
    if resource is not None and resource != approval.resource:
        raise Refusal("invalid_target", "the grant is for another resource")
    if not set(scopes) <= set(approval.scopes):
        raise Refusal("invalid_scope", "more scope than was granted")


def s256(verifier: str) -> str:
    """The S256 transformation (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
