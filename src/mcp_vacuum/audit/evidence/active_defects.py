"""Logins with one defect, where only a login decides; and logins that one question alone needs."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN, FOREIGN_RESOURCE
from mcp_vacuum.audit.evidence.active_authorize import mutations
from mcp_vacuum.audit.evidence.active_codes import goes_on, log_in, redemption
from mcp_vacuum.audit.evidence.active_login import Logins, sound
from mcp_vacuum.audit.evidence.active_refresh import still_good, widen
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.reaction import Reaction, gives_token, reaction


async def decide_pkce(session: Session, logins: Logins) -> None:
    """Log in without PKCE or with plain, where the endpoint asked a person instead of refusing."""
    request = sound(session)
    bare = request.changed(code_challenge=None, code_challenge_method=None)
    if goes_on(session, "no challenge"):
        visit = await logins.visit("no challenge", "a login without code_challenge", bare, sound=False)
        if code := visit.one("code"):
            await session.ask_for_token(
                "redeemed without challenge",
                "redeem a code without a challenge, with a verifier",
                redemption(session, code, request),
            )
            if not gives_token(session.seen["redeemed without challenge"]):
                await _without_verifier(session, logins)
    for name, method in (("plain", "plain"), ("no method", None)):
        if goes_on(session, name):
            plain = sound(session)
            sent = plain.changed(code_challenge=plain.verifier, code_challenge_method=method)
            visit = await logins.visit(name, f"a login with {name}", sent, sound=False)
            if code := visit.one("code"):
                await session.ask_for_token(
                    f"redeemed {name}", "redeem it with the verifier", redemption(session, code, plain)
                )


async def _without_verifier(session: Session, logins: Logins) -> None:
    request = sound(session)
    bare = request.changed(code_challenge=None, code_challenge_method=None)
    visit = await logins.visit("no challenge, again", "another without code_challenge", bare, sound=False)
    if code := visit.one("code"):
        await session.ask_for_token(
            "redeemed without verifier",
            "redeem a code without a challenge, without a verifier",
            redemption(session, code, request, code_verifier=None),
        )
    else:
        session.missing(visit.failure or "the login brought no code", "redeemed without verifier")


async def decide_redirect(session: Session, logins: Logins) -> None:
    """Log in with a redirect URI that is not registered, where the endpoint asked a person for it."""
    changed = mutations(session.redirect_uri)
    here = ("an extra path", "an added query", "a trailing slash")
    for what in here:
        if goes_on(session, f"redirect: {what}", changed[what]):
            sent = sound(session).changed(redirect_uri=changed[what])
            purpose = f"a login with {what} in its redirect URI"
            await logins.visit("mutated redirect", purpose, sent, sound=False)
            break
    if goes_on(session, "foreign redirect", FOREIGN):
        uri = session.redirect_uri.rpartition("/")[0] + "/not-registered"
        sent = sound(session).changed(redirect_uri=uri)
        await logins.visit("foreign redirect", "a login with another path to go back to", sent, sound=False)


async def other_resource(session: Session, logins: Logins) -> None:
    """A token for another resource, to see who takes it."""
    wanted = session.options.other_resource
    if wanted is None and not goes_on(session, "foreign resource"):
        session.missing(
            "the server issues no tokens for a resource that it does not know; "
            "name one that it does with --other-resource",
            "other resource",
        )
        return
    request = sound(session)
    request.parameters = request.changed(resource=wanted or FOREIGN_RESOURCE)
    visit = await logins.visit(
        "other resource", "a login for another resource", request.parameters, sound=wanted is not None
    )
    if code := visit.one("code"):
        await session.ask_for_token(
            "other resource", "redeem a code for another resource", redemption(session, code, request)
        )
    else:
        why = visit.failure or f"the login came back with {visit.one('error')}"
        session.missing(why, "other resource")


async def silently(session: Session, logins: Logins) -> None:
    """Ask for a code without a question, in the browser that has just logged in."""
    without = session.seen.get("silent")
    if without is None or reaction(without, session.redirect_uri) is not Reaction.ERROR:
        session.missing(
            "the server does not answer prompt=none without a session by an error", "silent login"
        )
        return
    sent = [*sound(session).parameters, ("prompt", "none")]
    purpose = "a login with prompt=none; if a page asks you something all the same, do not answer"
    await logins.visit("silent login", purpose, sent, sound=False, counts=False)


async def widening(session: Session, logins: Logins) -> None:
    """Refresh a grant with more than was granted: one that is left, or else one of a new login."""
    if session.token("redeemed", "refresh_token") is None:
        return
    token = await still_good(session)
    if token is None:
        purpose = "a login to be refreshed with more than was granted"
        visit, request = await log_in(session, logins, "widened", purpose)
        if code := visit.one("code"):
            form = redemption(session, code, request)
            await session.ask_for_token("granted for widening", "redeem the code", form)
            token = session.token("granted for widening", "refresh_token")
        elif visit.failure:
            session.missing(visit.failure, "refreshed wider")
    if token is not None:
        await widen(session, token)
