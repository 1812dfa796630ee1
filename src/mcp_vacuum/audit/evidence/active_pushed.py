"""Requests that are pushed to the server beforehand (RFC 9126), and what their names are good for then."""

from __future__ import annotations

import time
from collections.abc import Mapping

from mcp_vacuum.audit.evidence.active import Visit
from mcp_vacuum.audit.evidence.active_codes import goes_on, redemption, ways_in
from mcp_vacuum.audit.evidence.active_login import Logins, Parameters, Sound, request_url, sound
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.evidence.endpoints import HTML
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import gives_token, text_member
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.limits import NotADocument

ENDPOINT = "pushed_authorization_request"
_MARGIN = 2.0
"""Seconds beyond its lifetime after which a request_uri is expired by any clock."""
_FOR_EVER = 10**9
"""Seconds; more is no other answer, and less than what a float holds."""
_LATER = ("pushed: asked", "pushed: for another", "pushed: overridden", "pushed: again", "pushed: expired")


async def push(session: Session) -> None:
    """Push requests, and name them to the authorization endpoint without a person: rightly and wrongly.

    Each is named once, as a server may use a name up when somebody looks at it.
    """
    if session.endpoint(ENDPOINT) is None:
        session.missing("NOT_APPLICABLE: there is no pushed_authorization_request_endpoint", "pushed")
        return
    if await _pushed(session, "pushed", "push a request, to be used when it has expired") is None:
        session.missing("no request could be pushed", *_LATER)
        return
    name = await _pushed(session, "pushed to be asked", "push a request")
    await _named(session, "pushed: asked", "a request that was pushed", name)
    name = await _pushed(session, "pushed to be overridden", "push a request")
    purpose = "a request that was pushed, with other values in the address"
    await _named(session, "pushed: overridden", purpose, name, _instead(sound(session)))
    await _as_another(session)


async def _as_another(session: Session) -> None:
    """Name our request as the second client; and push as that one without its secret, and with it."""
    tries = ("pushed without secret", "pushed wrong secret")
    if session.other is None:
        session.missing("there is no second client to try it with", "pushed: for another", *tries)
        return
    other = session.other.credentials
    name = await _pushed(session, "pushed for another", "push a request")
    await _named(session, "pushed: for another", "the same as another client", name, client=other)
    if session.other.public:
        session.missing("NOT_APPLICABLE: no client with a secret could be registered", *tries)
        return
    request = sound(session, other=True)
    for way, how, wrong in ways_in(session.other):
        await _pushed(session, f"pushed {way}", f"push a request {how}", request, wrong)
    await _pushed(session, "pushed by another", "push a request as the second client", request, other)


async def log_in_with_pushed(session: Session, logins: Logins) -> None:
    """Log in with a pushed request, name it once more, and log in where only a login decides.

    Where the server goes along with other values in the address, the login has them too: then it shows which
    of the two count.
    """
    if "pushed: asked" not in session.seen:
        return
    request, instead = sound(session), sound(session)
    visit, name = None, None
    if goes_on(session, "pushed: overridden"):
        purpose = "a login with a pushed request, and other values in the address"
        visit, name = await _login(session, logins, "pushed: overridden", purpose, request, _instead(instead))
    if visit is None or visit.one("code") is None:
        visit, name = await _login(session, logins, "pushed: login", "a login with a pushed request", request)
    code = visit.one("code")
    if code is None:
        why = visit.failure or f"it came back with {visit.one('error') or 'no code'}"
        session.missing(f"a login with a pushed request failed: {why}", "pushed: again")
        return
    await _redeem(session, code, request, instead)
    await _named(session, "pushed: again", "the request_uri of a finished login, once more", name)
    if goes_on(session, "pushed: again"):
        purpose = "a login with the request_uri of a finished login"
        await logins.visit("pushed: again", purpose, _naming(session, name), sound=False)
    if goes_on(session, "pushed: for another") and session.other is not None:
        name = await _pushed(session, "pushed for another", "push a request")
        sent = _naming(session, name, client=session.other.credentials)
        await logins.visit("pushed: for another", "a login as another client than pushed", sent, sound=False)


async def _login(
    session: Session,
    logins: Logins,
    which: str,
    purpose: str,
    request: Sound,
    beside: Mapping[str, str] | None = None,
) -> tuple[Visit, str | None]:
    name = await _pushed(session, "pushed for a login", "push a request for a login", request)
    return await logins.visit(which, purpose, _naming(session, name, beside), sound=beside is None), name


async def _redeem(session: Session, code: str, request: Sound, instead: Sound) -> None:
    """Redeem with the verifier of the pushed challenge; if that fails, with the one of the address."""
    form = redemption(session, code, request)
    await session.ask_for_token("granted as pushed", "redeem the code of a pushed request", form)
    if not gives_token(session.seen["granted as pushed"]):
        form = redemption(session, code, instead)
        purpose = "redeem it with the verifier that belongs to the address"
        await session.ask_for_token("granted by the address", purpose, form)


async def use_expired(session: Session, logins: Logins) -> None:
    """Name the first request after its lifetime, if that is soon enough."""
    first = session.seen.get("pushed")
    name = text_member(first, "request_uri") if first else None
    if first is None or name is None:
        return
    lifetime = lifetime_of(first)
    if lifetime is None:
        session.missing("the server does not say for how long a request_uri is good", "pushed: expired")
        return
    left = first.started_at + first.seconds + lifetime + _MARGIN - time.time()
    if left > session.options.expiry:
        why = f"a request_uri is good for {lifetime:.0f} s, longer than this audit waits"
        session.missing(why, "pushed: expired")
        return
    if left > 0:
        await session.wait(left, "a pushed request should expire")
    await _named(session, "pushed: expired", "a request_uri after its lifetime", name)
    if goes_on(session, "pushed: expired"):
        purpose = "a login with a request_uri that has expired"
        await logins.visit("pushed: expired", purpose, _naming(session, name), sound=False)


def lifetime_of(pushed: Exchange) -> float | None:
    """Return `expires_in` of a pushed request, in seconds; None if it is no positive number (§2.2)."""
    try:
        stated = pushed.document.get("expires_in")
    except NotADocument:
        return None
    if not isinstance(stated, int | float) or isinstance(stated, bool) or not stated > 0:
        return None
    return float(min(stated, _FOR_EVER))


async def _pushed(
    session: Session,
    which: str,
    purpose: str,
    request: Sound | None = None,
    client: ClientCredentials | None = None,
) -> str | None:
    """Push a request, and return the name that it got."""
    client = client or session.credentials
    form = (request or sound(session)).changed(client_id=None)
    if client.token_endpoint_auth_method == "client_secret_basic":
        form.append(("client_id", client.client_id))
    return text_member(await session.post(which, purpose, ENDPOINT, form, client), "request_uri")


async def _named(
    session: Session,
    which: str,
    purpose: str,
    name: str | None,
    beside: Mapping[str, str] | None = None,
    *,
    client: ClientCredentials | None = None,
) -> None:
    """Name a pushed request to the authorization endpoint, as a browser without cookies."""
    url = request_url(session, _naming(session, name, beside, client=client))
    session.seen[which] = await session.wire.get(purpose, url, accept=HTML)


def _naming(
    session: Session,
    name: str | None,
    beside: Mapping[str, str] | None = None,
    *,
    client: ClientCredentials | None = None,
) -> Parameters:
    """Return the authorization request that stands for a pushed one (§4)."""
    asking = (client or session.credentials).client_id
    return [("client_id", asking), ("request_uri", name or ""), *(beside or {}).items()]


def _instead(other: Sound) -> dict[str, str]:
    """Return values that a pushed request has already: these must not count (RFC 9101 §6.3)."""
    return {name: value for name, value in other.parameters if name in ("state", "code_challenge")}
