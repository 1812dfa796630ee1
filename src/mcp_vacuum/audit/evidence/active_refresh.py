"""What a refresh token is good for: rotation, narrowing, another client, reuse, revocation."""

from __future__ import annotations

from dataclasses import replace

import anyio

from mcp_vacuum.audit.evidence.active import FOREIGN_RESOURCE
from mcp_vacuum.audit.evidence.active_authorize import UNKNOWN_SCOPE
from mcp_vacuum.audit.evidence.active_session import Form, Session
from mcp_vacuum.audit.reaction import gives_token
from mcp_vacuum.models import ClientCredentials

SAMPLES = 4
"""Refreshes, so that there are five tokens to compare."""


def form_of(session: Session, token: str, **more: str | None) -> Form:
    """Return the form that refreshes, with some parameters replaced."""
    form: dict[str, str | None] = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "resource": session.resource,
    }
    return list({**form, **more}.items())


async def refresh(session: Session) -> None:
    """Refresh the first login a few times, and once each with more than was granted."""
    token = session.token("redeemed", "refresh_token")
    if token is None:
        session.missing("NOT_APPLICABLE: the server gave no refresh token", "refreshed", *_LATER)
        return
    for number in range(1, SAMPLES + 1):
        name = "refreshed" if number == 1 else f"refreshed {number}"
        given = await session.ask_for_token(name, "refresh", form_of(session, token))
        if not gives_token(given):
            break
        token = session.token(name, "refresh_token") or token
    await _wider(session, token)


_LATER = (
    "refreshed wider",
    "refreshed elsewhere",
    "refreshed as another",
    "refreshed without proof",
    "reused",
)


async def _wider(session: Session, token: str) -> None:
    """Ask for a scope and a resource that are not in the grant; whoever gets a new token goes on with it."""
    scope = f"{session.scope or ''} {UNKNOWN_SCOPE}".strip()
    for name, purpose, changes in (
        ("refreshed wider", "refresh with a scope that was not granted", {"scope": scope}),
        ("refreshed elsewhere", "refresh for another resource", {"resource": FOREIGN_RESOURCE}),
    ):
        given = await session.ask_for_token(name, purpose, form_of(session, token, **changes))
        if gives_token(given):
            token = session.token(name, "refresh_token") or token
    await session.ask_for_token("refreshed at last", "refresh soundly", form_of(session, token))


def newest(session: Session) -> str | None:
    """Return the newest refresh token of the first login."""
    for name in ("refreshed at last", "refreshed elsewhere", "refreshed wider"):
        if found := session.token(name, "refresh_token"):
            return found
    for number in range(SAMPLES, 0, -1):
        name = "refreshed" if number == 1 else f"refreshed {number}"
        if found := session.token(name, "refresh_token"):
            return found
    return session.token("redeemed", "refresh_token")


async def as_another(session: Session) -> None:
    """Refresh the first login as another client; then as itself, to see that the token was still good."""
    token = newest(session)
    if token is None or session.other is None:
        session.missing("there is no second client to try it with", "refreshed as another")
        return
    await session.ask_for_token(
        "refreshed as another",
        "refresh as another client",
        form_of(session, token),
        session.other.credentials,
    )
    await session.ask_for_token("refreshed as itself", "refresh as the right client", form_of(session, token))


async def reuse(session: Session) -> None:
    """Present the first refresh token again, long after it was rotated, and then the newest one."""
    first = session.token("redeemed", "refresh_token")
    if first is None:
        return
    if session.token("refreshed", "refresh_token") in (None, first):
        session.missing("NOT_APPLICABLE: refresh tokens are not rotated; see AS-RT-01", "reused")
        return
    current = session.token("refreshed as itself", "refresh_token") or newest(session) or first
    await session.ask_for_token("reused", "use the first refresh token again", form_of(session, first))
    if gives_token(session.seen["reused"]) and session.options.grace:
        session.progress("waiting", "waiting a minute: a replaced refresh token may be good for that long")
        await anyio.sleep(session.options.grace)
        await session.ask_for_token("reused", "use it once more, a minute later", form_of(session, first))
    await session.ask_for_token("after reuse", "use the newest refresh token", form_of(session, current))


async def revoke(session: Session, name: str, client: ClientCredentials) -> None:
    """Revoke the refresh token of a grant: as another client, as its own, and look what is left of it."""
    if session.endpoint("revocation") is None:
        session.missing("there is no revocation_endpoint", "revoked")
        return
    token, access = session.token(name, "refresh_token"), session.token(name)
    if token is None or access is None:
        session.missing("there is no grant with a refresh token left to revoke", "revoked")
        return
    await session.call("before revocation", "use a token that is about to be revoked", access)
    await session.post(
        "revoked unknown", "revoke a token that nobody knows", "revocation", _hinted("x" * 43), client
    )
    stranger = session.credentials if client.client_id != session.credentials.client_id else None
    if stranger is not None:
        await session.post(
            "revoked as another", "revoke as another client", "revocation", _hinted(token), stranger
        )
        control = await session.ask_for_token(
            "refreshed after stranger", "refresh after that", form_of(session, token), client
        )
        token = session.token("refreshed after stranger", "refresh_token") or token
        access = session.token("refreshed after stranger") if gives_token(control) else access
    await session.post("revoked", "revoke the refresh token", "revocation", _hinted(token), client)
    await session.ask_for_token(
        "refreshed after revocation", "refresh after it", form_of(session, token), client
    )
    await session.call("after revocation", "use the access token of the revoked grant", access)


def _hinted(token: str) -> Form:
    return [("token", token), ("token_type_hint", "refresh_token")]


async def without_secret(session: Session) -> None:
    """Refresh the second client's login without its secret."""
    token = session.token("granted to another", "refresh_token")
    if token is None or session.other is None or session.other.public:
        return
    nobody = replace(session.other.credentials, token_endpoint_auth_method="none")
    await session.ask_for_token(
        "refreshed without secret", "refresh without the client secret", form_of(session, token), nobody
    )
