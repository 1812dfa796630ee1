"""Refresh tokens at an authorization server, revocation and introspection."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN_RESOURCE, ActiveEvidence
from mcp_vacuum.audit.evidence.active_authorize import UNKNOWN_SCOPE
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    gives_token,
    is_served,
    text_member,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    inconclusive,
    not_applicable,
    rule,
)


@rule(
    id="AS-RT-01",
    title="Public clients get rotating or sender-constrained refresh tokens",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Token Theft",
        "OAuth 2.1 §4.3.1",
        "RFC 9700 §2.2.2 and §4.14.2",
    ),
    fix="enable rotation",
    kinds=(Kind.ACTIVE,),
    bad='POST /token grant_type=refresh_token: {"access_token": "…"}',
    good='POST /token grant_type=refresh_token: {"access_token": "…", "refresh_token": "(a new one)"}',
)
def refresh_tokens_rotate(evidence: ActiveEvidence) -> Results:
    """A stolen refresh token of a public client works until somebody notices; rotation makes it noticed."""
    evidence.must_have_token()
    before, refreshed = evidence.token("redeemed", "refresh_token"), evidence.exchange("refreshed")
    if not gives_token(refreshed):
        raise inconclusive(f"the refresh failed: {refreshed.said}")
    after = text_member(refreshed, "refresh_token")
    if after not in (None, before) or evidence.bound:
        return
    if evidence.client is not None and not evidence.client.public:
        raise not_applicable("the client has a secret, and refreshes only with it")
    yield Finding("token response, refresh_token", "a refresh does not replace it", at=refreshed)


@rule(
    id="AS-RT-02",
    title="Reuse of a rotated refresh token revokes the family",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "OAuth 2.1 §4.3.1",
        "RFC 9700 §4.14.2",
        "OAuch, RefreshTokenRevokedAfterUse, InvalidatedRefreshToken",
    ),
    fix="reuse detection with family revocation",
    kinds=(Kind.ACTIVE,),
    bad="the rotated token comes again: 400; the newest one: 200",
    good="the rotated token comes again: 400; the newest one: 400",
)
def reuse_ends_the_family(evidence: ActiveEvidence) -> Results:
    """When an old token comes back there are two holders; only ending both logins stops the thief."""
    evidence.must_have_token()
    reused, after = evidence.exchange("reused"), evidence.exchange("after reuse")
    if gives_token(reused):
        why = "a refresh token that was replaced works still"
        yield Finding("token request, refresh_token", why, Severity.CRITICAL, at=reused)
    elif reused.response is None or reused.status >= 500 or reused.status == 429:
        yield NotChecked(f"INCONCLUSIVE: a replaced refresh token: {reused.said}")
    elif gives_token(after):
        why = "after a replaced one came back, the newest one still works"
        yield Finding("token request, refresh_token", why, at=after)


@rule(
    id="AS-RT-03",
    title="Refresh token is bound to its client",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §4.3 and §4.3.1", "RFC 6749 §6 and §10.4", "OAuch, IsRefreshBoundToClient"),
    fix="check client on refresh",
    kinds=(Kind.ACTIVE,),
    bad="POST /token with another client's refresh token: 200",
    good="POST /token with another client's refresh token: 400, invalid_grant",
)
def refresh_tokens_belong_to_their_client(evidence: ActiveEvidence) -> Results:
    """A refresh token that any client can use is a password for this login."""
    evidence.must_have_token()
    evidence.exchange("refreshed")
    control = evidence.seen.get("refreshed as itself") or evidence.exchange("refreshed")
    what = "the refresh token of another client"
    yield from tried(evidence, "refreshed as another", what, gives_token, control)
    if "refreshed without secret" in evidence.seen:
        control = evidence.exchange("granted to another")
        what = "a refresh without the client's secret"
        yield from tried(evidence, "refreshed without secret", what, gives_token, control)


@rule(
    id="AS-RT-04",
    title="Refresh cannot widen scope or resource",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3.1 and §3.2.3", "RFC 9700 §4.14.2", "RFC 8707 §2.2"),
    fix="bind refresh token to grant",
    kinds=(Kind.ACTIVE,),
    bad="refresh with scope=admin, which was not granted: a token with it",
    good="refresh with scope=admin, which was not granted: 400, invalid_scope",
)
def refresh_cannot_widen(evidence: ActiveEvidence) -> Results:
    """The person agreed once; a refresh happens without them and must not reach further."""
    evidence.must_have_token()
    wider, elsewhere = evidence.exchange("refreshed wider"), evidence.exchange("refreshed elsewhere")
    if gives_token(wider) and UNKNOWN_SCOPE in (text_member(wider, "scope") or "").split():
        yield Finding("token request, scope", "a refresh brings a scope that was not granted", at=wider)
    if gives_token(elsewhere):
        jwt = Jwt.read(text_member(elsewhere, "access_token") or "")
        if jwt is None:
            yield NotChecked(
                "INCONCLUSIVE: refreshed for another resource: what the token is for is not seen"
            )
        elif FOREIGN_RESOURCE in jwt.audiences:
            why = "a refresh brings a token for a resource that was not granted"
            yield Finding("token request, resource", why, at=elsewhere)
    for exchange in (wider, elsewhere):
        if exchange.response is None or exchange.status >= 500:
            yield NotChecked(f"INCONCLUSIVE: {exchange.purpose}: {exchange.said}")


@rule(
    id="AS-REV-01",
    title="Revocation works, is https, bound to client and cascades",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 7009 §2 and §2.1", "RFC 9700 §4.14.2", "OAuch, RefreshRevokesAccess, IsBoundToClient"),
    fix="offer and enforce revocation",
    kinds=(Kind.ACTIVE,),
    bad="POST /revoke: 200, and the refresh token still works",
    good="POST /revoke: 200, and the refresh token gets invalid_grant",
)
def revocation_works(evidence: ActiveEvidence) -> Results:
    """Logging out has to end something; and nobody else may end it."""
    document = evidence.must_have_document()
    if evidence.stated("revocation_endpoint") is None:
        yield Finding(document.url, "there is no revocation_endpoint", Severity.LOW, at=document.exchange)
        return
    evidence.must_have_token()
    revoked, refreshed = evidence.exchange("revoked"), evidence.exchange("refreshed after revocation")
    where, control = "revocation request", evidence.exchange("refreshed before revocation")
    if not gives_token(control) and "revoked as another" not in evidence.seen:
        raise inconclusive(f"the login that was to be revoked had ended before: {control.said}")
    if revoked.status != 200:
        yield Finding(where, f"revoking an own refresh token gets {revoked.said}", at=revoked)
    elif gives_token(refreshed):
        yield Finding(where, "the refresh token works still", at=refreshed)
    elif is_served(evidence.exchange("after revocation")):
        lasting = Jwt.read(evidence.token() or "") is not None
        why = "the access token of the revoked login works still"
        yield Finding(where, why, Severity.LOW if lasting else None, at=evidence.exchange("after revocation"))
    yield from _strangers(evidence)


@rule(
    id="AS-INTRO-01",
    title="Introspection requires authorization",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7662 §2.1", "RFC 6749 §10.10"),
    fix="require client or bearer authentication",
    kinds=(Kind.ACTIVE,),
    bad='POST /introspect token=x without credentials: 200, {"active": false}',
    good="POST /introspect token=x without credentials: 401",
)
def introspection_asks_who_asks(evidence: ActiveEvidence) -> Results:
    """Otherwise anybody can try tokens there, and learn whose they are and what for."""
    evidence.must_have_document()
    exchange = evidence.exchange("introspected")
    if exchange.response is None or exchange.status >= 500 or exchange.status == 429:
        raise inconclusive(f"introspection without credentials: {exchange.said}")
    if exchange.status == 200:
        yield Finding("introspection without credentials", "it is answered", at=exchange)
    elif exchange.status not in (401, 403):
        why = f"{exchange.said} instead of 401"
        yield Finding("introspection without credentials", why, Severity.LOW, at=exchange)


def _strangers(evidence: ActiveEvidence) -> Results:
    """Others must not end a login; what nobody knows is no error (RFC 7009 §2.2)."""
    asked, after = evidence.seen.get("revoked as another"), evidence.seen.get("refreshed before revocation")
    if asked is not None and after is not None and not gives_token(after):
        why = "another client's request ended the login"
        yield Finding("revocation request", why, certain=after.status < 500, at=asked)
    unknown = evidence.seen.get("revoked unknown")
    if unknown is not None and 300 <= unknown.status < 500 and unknown.status != 429:
        why = f"a token that nobody knows gets {unknown.said} instead of 200"
        yield Finding("revocation request", why, Severity.LOW, at=unknown)


RULES: tuple[Rule, ...] = (
    refresh_tokens_rotate,
    reuse_ends_the_family,
    refresh_tokens_belong_to_their_client,
    refresh_cannot_widen,
    revocation_works,
    introspection_asks_who_asks,
)
