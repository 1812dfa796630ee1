"""The other endpoints of an authorization server: what they take that they should not."""

from __future__ import annotations

import secrets
from dataclasses import replace
from urllib.parse import urlencode

from mcp_vacuum.audit.evidence.active_login import sound
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.reaction import text_member
from mcp_vacuum.protocol.device import DEVICE_CODE
from mcp_vacuum.safety.limits import TOKEN_TIMEOUT
from mcp_vacuum.safety.secret import Secret

GUESSES = 20
"""Wrong secrets for a client of our own."""
FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))


async def look_at_token_endpoint(session: Session) -> None:
    """Requests that no token endpoint should take, none of them with a real secret."""
    url, client = session.endpoint("token") or "", session.credentials
    made_up = f"made-up-{secrets.token_urlsafe(24)}"
    code = [
        ("grant_type", "authorization_code"),
        ("code", made_up),
        ("redirect_uri", session.redirect_uri),
        ("code_verifier", sound(session).verifier),
        *((("resource", session.resource),) if session.resource else ()),
    ]
    await session.ask_for_token("made-up code", "redeem a made-up code", code)
    password = [("grant_type", "password"), ("username", "mcp-vacuum-audit"), ("password", made_up)]
    await session.ask_for_token("password", "the password grant, with a made-up name", password)
    await session.ask_for_token("unknown grant", "a grant that does not exist", [("grant_type", "audit")])
    await session.ask_for_token("doubled code", "a code twice", [*code, ("code", made_up)])
    form = [*code, ("client_id", client.client_id)]
    session.seen["token by GET"] = await session.wire.send(
        "a token request by GET", "GET", f"{url}?{urlencode(form)}", headers=FORM[1:]
    )


async def look_at_introspection(session: Session) -> None:
    """Ask about a token without saying who asks."""
    url = session.endpoint("introspection")
    if url is None:
        session.missing("NOT_APPLICABLE: there is no introspection_endpoint", "introspected")
        return
    session.seen["introspected"] = await session.wire.send(
        "introspect without credentials", "POST", url, headers=FORM, body=b"token=x", timeout=TOKEN_TIMEOUT
    )


async def look_at_device_login(session: Session) -> None:
    """Begin a device login that nobody will finish, and poll it twice at once."""
    if session.endpoint("device_authorization") is None:
        session.missing("NOT_APPLICABLE: there is no device_authorization_endpoint", "device")
        return
    form = [("scope", session.scope), ("resource", session.resource)]
    begun = await session.post(
        "device", "begin a device login", "device_authorization", form, session.credentials
    )
    code = text_member(begun, "device_code")
    if code is None:
        return
    poll = [("grant_type", DEVICE_CODE), ("device_code", code)]
    await session.ask_for_token("polled", "poll it", poll)
    await session.ask_for_token("polled at once", "poll it again, too soon", poll)


async def guess(session: Session) -> None:
    """Send wrong secrets for a client of our own, until the server has enough: last of all."""
    if session.other is None or session.other.public:
        session.missing("NOT_APPLICABLE: no client with a secret could be registered to guess at", "guessed")
        return
    client = session.other.credentials
    form = [("grant_type", "refresh_token"), ("refresh_token", "made-up")]
    for number in range(1, GUESSES + 1):
        wrong = replace(client, client_secret=Secret(f"guess-{secrets.token_urlsafe(16)}"))
        name = f"guess {number}"
        answer = await session.ask_for_token(name, f"{name} at a secret of our own", form, wrong)
        if answer.status == 429 or answer.response is None:
            return
