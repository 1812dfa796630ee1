"""What a code is good for: the ladder of one login, logins with one defect, and replays."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mcp_vacuum.audit.evidence.active import OwnClient, Visit
from mcp_vacuum.audit.evidence.active_authorize import EXTRA, ODD_STATE
from mcp_vacuum.audit.evidence.active_login import Logins, Sound, challenge_of, sound
from mcp_vacuum.audit.evidence.active_refresh import form_of
from mcp_vacuum.audit.evidence.active_session import Form, Session
from mcp_vacuum.audit.evidence.wire import at_once
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import Reaction, gives_token, reaction
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret

AT_ONCE = 10
"""Redemptions of one code at the same time."""
HELD = 630.0
"""Seconds that a code is held: ten minutes, and some for clocks that differ (OAuth 2.1 §4.1.2)."""
SHORT = "only-twenty-letters-"
WRONG = "w" * 43

LADDER = ("other client", "wrong redirect_uri", "missing verifier", "wrong verifier", "verifier is challenge")
"""Redemptions with one defect, in the order in which one code is tried; the sound one follows."""


def redemption(session: Session, code: str, request: Sound, **changes: str | None) -> Form:
    """Return the form that redeems a code, with some parameters replaced."""
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": session.redirect_uri,
        "code_verifier": request.verifier,
        "resource": dict(request.parameters).get("resource"),
    }
    return list({**form, **changes}.items())


async def log_in(
    session: Session,
    logins: Logins,
    name: str,
    purpose: str,
    request: Sound | None = None,
) -> tuple[Visit, Sound]:
    """Log in soundly, and return how it came back."""
    request = request or sound(session)
    return await logins.visit(name, purpose, request.parameters), request


async def first_login(session: Session, logins: Logins) -> None:
    """One login without any defect: the control of everything after it."""
    visit, request = await log_in(session, logins, "first", "an ordinary login")
    code = visit.one("code")
    if code is None:
        why = visit.failure or f"it came back with {visit.one('error') or 'no code'}"
        session.missing(f"the ordinary login failed: {why}", "all", "redeemed")
        return
    await session.ask_for_token("redeemed", "redeem the code", redemption(session, code, request))
    if not gives_token(session.seen["redeemed"]):
        session.missing(f"the ordinary login brought no token: {session.seen['redeemed'].said}", "all")


async def ladder(session: Session, logins: Logins) -> None:
    """Try one code with five defects in turn, then soundly; what that leaves open, try with a new code.

    If the sound redemption succeeds at the end, the five refusals were refusals of the defects. If not, the
    server uses a code up at a failure, as it may, and only the first refusal counts.
    """
    left = [step for step in LADDER if step != "other client" or session.other is not None]
    if session.other is None:
        session.missing("there is no second client to try it with", "other client")
    visit, request = await _odd_login(session, logins)
    number = 1
    while left and (code := visit.one("code")):
        left = await _climb(session, code, request, left, number)
        number += 1
        if left:
            purpose = f"a code to be tried with a defect: {left[0]}"
            visit, request = await log_in(session, logins, f"ladder {number}", purpose)
    session.missing(visit.failure or "the login brought no code", *left)
    for step in left:
        session.seen.pop(step, None)


async def _odd_login(session: Session, logins: Logins) -> tuple[Visit, Sound]:
    """Log in with an odd state and unknown parameters, as they are allowed; without, if that fails."""
    request = sound(session, state=ODD_STATE + sound(session).state)
    extra = EXTRA if goes_on(session, "extra parameters") else ()
    visit = await logins.visit(
        "ladder", "a code to be tried with five defects", [*request.parameters, *extra]
    )
    if visit.arrived is None or visit.one("code"):
        return visit, request
    return await log_in(session, logins, "ladder, plainly", "the same, without anything odd")


def goes_on(session: Session, name: str, redirect_uri: str = "") -> bool:
    """Say whether a request without a person went as far as the sound one does."""
    tried, control = session.seen.get(name), session.seen.get("asked")
    if tried is None or control is None:
        return False
    wanted = (Reaction.ASKS, Reaction.CODE)
    went = reaction(tried, redirect_uri or session.redirect_uri)
    return went in wanted and reaction(control, session.redirect_uri) in wanted


async def _climb(session: Session, code: str, request: Sound, steps: list[str], number: int) -> list[str]:
    """Try a code with every defect; return what is open still."""
    for place, step in enumerate(steps):
        if gives_token(await _try_step(session, code, request, step)):
            return steps[place + 1 :]
    last = await session.ask_for_token(
        f"sound {number}", "the same code, soundly", redemption(session, code, request)
    )
    return [] if gives_token(last) else steps[1:]


async def _try_step(session: Session, code: str, request: Sound, step: str) -> Exchange:
    client: ClientCredentials | None = None
    changes: dict[str, str | None] = {}
    if step == "other client" and session.other is not None:
        client = session.other.credentials
    elif step == "wrong redirect_uri":
        changes = {"redirect_uri": f"{session.redirect_uri}/elsewhere"}
    elif step == "missing verifier":
        changes = {"code_verifier": None}
    elif step == "wrong verifier":
        changes = {"code_verifier": WRONG}
    else:
        changes = {"code_verifier": challenge_of(request.verifier)}
    return await session.ask_for_token(
        step, f"redeem with a defect: {step}", redemption(session, code, request, **changes), client
    )


async def short_verifier(session: Session, logins: Logins) -> None:
    """A challenge whose verifier is shorter than 43 characters."""
    request = sound(session, verifier=SHORT)
    visit, _ = await log_in(
        session, logins, "short verifier", "a code to be tried with a short verifier", request
    )
    if code := visit.one("code"):
        await session.ask_for_token(
            "short verifier", "redeem with a verifier of 20 characters", redemption(session, code, request)
        )
    else:
        session.missing(visit.failure or "the login brought no code", "short verifier")


async def hold(session: Session, logins: Logins) -> None:
    """Redeem a code when it should have expired; nothing else is wrong with it."""
    if not session.options.patient:
        session.missing("only --patient holds a code for so long", "held")
        return
    visit, request = await log_in(session, logins, "held", "a code to be held for ten and a half minutes")
    code = visit.one("code")
    if code is None:
        session.missing(visit.failure or "the login brought no code", "held")
        return
    told = f"the code is held for {HELD / 60:g} minutes; come back then, more logins follow"
    session.progress("notice", told)
    await session.wait(HELD, "a code should expire")
    await session.ask_for_token("held", "redeem a code that is too old", redemption(session, code, request))


# --- replays, last ----------------------------------------------------------------------------------------


async def replays(session: Session, logins: Logins) -> None:
    """Redeem one code ten times at once and once more; then see what became of its tokens."""
    scope = (session.scope or "").split()
    request = sound(session)
    if len(scope) > 1:
        request.parameters = request.changed(scope=scope[0])
    visit, _ = await log_in(session, logins, "replayed", "a code to be redeemed ten times at once", request)
    code = visit.one("code")
    if code is None:
        session.missing(visit.failure or "the login brought no code", "replayed", *_replays())
        return
    form = redemption(session, code, request)
    session.wire.most_at_once(AT_ONCE)
    answers = await at_once(
        *(
            partial(session.ask_for_token, name, "the same code, ten times at once", form)
            for name in _replays()
        )
    )
    session.wire.most_at_once(4)
    await session.ask_for_token("replayed", "the same code, once more", form)
    given = next((answer for answer in answers if gives_token(answer)), None)
    if given is not None:
        session.seen["granted once"] = given
        await session.call(
            "after replay", "use the token of the replayed code", session.token("granted once")
        )
        if refresh := session.token("granted once", "refresh_token"):
            form = form_of(session, refresh)
            await session.ask_for_token("refreshed after replay", "refresh after the replay", form)


def _replays() -> list[str]:
    return [f"at once {number}" for number in range(1, AT_ONCE + 1)]


async def as_confidential(session: Session, logins: Logins) -> None:
    """A login of the other client, redeemed without its secret, with a wrong one, and soundly."""
    assert session.other is not None
    client = session.other.credentials
    request = sound(session, other=True)
    visit, _ = await log_in(session, logins, "confidential", "a login of the second client", request)
    code = visit.one("code")
    if code is None:
        session.missing(visit.failure or "the login brought no code", "confidential", "granted to another")
        return
    form = redemption(session, code, request)
    for name, how, wrong in ways_in(session.other):
        if gives_token(await session.ask_for_token(name, f"redeem {how}", form, wrong)):
            session.seen["granted to another"] = session.seen[name]
            session.missing("the code was used up by the request before", "wrong secret")
            return
    await session.ask_for_token("granted to another", "redeem as the second client", form, client)


def ways_in(other: OwnClient) -> list[tuple[str, str, ClientCredentials]]:
    """Return how somebody may pass for a client with a secret: a name, words for people, and as whom."""
    if other.public:
        return []
    nobody = replace(other.credentials, token_endpoint_auth_method="none")
    wrong = replace(other.credentials, client_secret=Secret("not-the-secret-of-this-client"))
    return [
        ("without secret", "without the client secret", nobody),
        ("wrong secret", "with a wrong client secret", wrong),
    ]
