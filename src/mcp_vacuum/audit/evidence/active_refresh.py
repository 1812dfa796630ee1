"""What a refresh token is good for: rotation, narrowing, another client, reuse, revocation."""

from __future__ import annotations

from dataclasses import replace

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
    """Refresh the first login a few times."""
    token = session.token("redeemed", "refresh_token")
    if token is None:
        session.missing("NOT_APPLICABLE: the server gave no refresh token", "refreshed", *_LATER)
        return
    for number in range(1, SAMPLES + 1):
        name = "refreshed" if number == 1 else f"refreshed {number}"
        if not gives_token(await session.ask_for_token(name, "refresh", form_of(session, token))):
            break
        token = session.token(name, "refresh_token") or token


_LATER = ("refreshed wider", "refreshed elsewhere", "refreshed as another", "reused", "after reuse")


async def widen(session: Session, token: str) -> None:
    """Ask for a scope and a resource that are not in a grant, which that may end."""
    scope = f"{session.scope or ''} {UNKNOWN_SCOPE}".strip()
    for name, purpose, changes in (
        ("refreshed wider", "refresh with a scope that was not granted", {"scope": scope}),
        ("refreshed elsewhere", "refresh for another resource", {"resource": FOREIGN_RESOURCE}),
    ):
        await session.ask_for_token(name, purpose, form_of(session, token, **changes))
        token = session.token(name, "refresh_token") or token


async def still_good(session: Session) -> str | None:
    """Refresh what came of the ladder, if anything did, and return the new refresh token."""
    for name in _spare(session):
        if token := session.token(name, "refresh_token"):
            form = form_of(session, token)
            await session.ask_for_token("refreshed before widening", "refresh soundly", form)
            return session.token("refreshed before widening", "refresh_token")
    return None


def _spare(session: Session) -> list[str]:
    """Return the grants that came of the ladder."""
    return [name for name in session.seen if name.startswith("sound ") and gives_token(session.seen[name])]


def newest(session: Session) -> str | None:
    """Return the newest refresh token of the first login."""
    for name in ("refreshed as itself", "refreshed with proofs"):
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
    current = newest(session) or first
    before = await session.ask_for_token("before reuse", "refresh soundly", form_of(session, current))
    if not gives_token(before):
        session.missing("the login ended before a replaced token could be tried", "reused")
        return
    current = session.token("before reuse", "refresh_token") or current
    await session.ask_for_token("reused", "use the first refresh token again", form_of(session, first))
    if gives_token(session.seen["reused"]) and session.options.grace:
        session.progress("waiting", "waiting a minute: a replaced refresh token may be good for that long")
        await session.wait(session.options.grace, "a replaced refresh token may be good for a minute")
        await session.ask_for_token("reused", "use it once more, a minute later", form_of(session, first))
    await session.ask_for_token("after reuse", "use the newest refresh token", form_of(session, current))


async def revoke(session: Session, name: str, client: ClientCredentials) -> None:
    """Revoke the refresh token of a grant: as another client, as its own, and look what is left of it."""
    if session.endpoint("revocation") is None:
        session.missing("there is no revocation_endpoint", "revoked")
        return
    token = session.token("refreshed without secret", "refresh_token") or session.token(name, "refresh_token")
    if token is None:
        session.missing("there is no grant with a refresh token left to revoke", "revoked")
        return
    unknown = hinted("x" * 43)
    await session.post("revoked unknown", "revoke a token that nobody knows", "revocation", unknown, client)
    if client.client_id != session.credentials.client_id:
        theirs, stranger = hinted(token), session.credentials
        await session.post("revoked as another", "revoke as another client", "revocation", theirs, stranger)
    form = form_of(session, token)
    await session.ask_for_token("refreshed before revocation", "refresh before it is revoked", form, client)
    token = session.token("refreshed before revocation", "refresh_token") or token
    access = session.token("refreshed before revocation") or session.token(name) or ""
    await session.call("before revocation", "use a token that is about to be revoked", access)
    await session.post("revoked", "revoke the refresh token", "revocation", hinted(token), client)
    form = form_of(session, token)
    await session.ask_for_token("refreshed after revocation", "refresh after it", form, client)
    await session.call("after revocation", "use the access token of the revoked grant", access)


def spare(session: Session) -> str:
    """Return the name of the answer whose grant may be ended: of the ladder; empty if there is none."""
    return next((name for name in _spare(session) if session.token(name, "refresh_token")), "")


def hinted(token: str) -> Form:
    """Return the form that revokes a refresh token (RFC 7009 §2.1)."""
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


async def end_all(session: Session) -> None:
    """Revoke what is left of the audit's own logins."""
    if session.endpoint("revocation") is None or session.client is None:
        return
    left = dict.fromkeys(
        filter(None, (session.token(name, "refresh_token") for name in _last_of_each(session)))
    )
    for token in left:
        session.wire.go_on(session.endpoint("revocation") or "")
        await session.post(
            "ended", "end what is left of a login", "revocation", hinted(token), session.credentials
        )


def _last_of_each(session: Session) -> list[str]:
    """Return the newest answer of each grant of our client."""
    first = [name for name in session.seen if name.startswith(("refreshed", "before reuse", "redeemed"))]
    later = ("short verifier", "held", "granted as pushed")
    grants = ("granted once", "other resource", "granted for widening", *later)
    return [*first[-2:], *_spare(session), *grants]
