"""What a client assertion has to be (RFC 7523 §3): tried by a client of the auditor's own that has a key."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp_vacuum.audit.evidence.active_client import register_with_key
from mcp_vacuum.audit.evidence.active_codes import redemption
from mcp_vacuum.audit.evidence.active_login import Logins, sound
from mcp_vacuum.audit.evidence.active_refresh import form_of, hinted
from mcp_vacuum.audit.evidence.active_session import Form, Session
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.forge import part
from mcp_vacuum.audit.reaction import error_of, gives_token, text_member
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.assertion import CLIENT_ASSERTION_TYPE, client_claims, load_key, sign
from mcp_vacuum.protocol.registration import CODE_GRANTS
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable

if TYPE_CHECKING:
    from joserfc.jwk import Key

METHOD = "private_key_jwt"
MACHINE = "client_credentials"
FOREIGN_AUDIENCE = "https://auditor.invalid"
HOUR = 3600
REPLAYED = "whose jti was used before"
DEFECTS = (
    "that has expired",
    "without exp",
    "for another audience",
    "about another client",
    "without a signature",
    "that was changed after it was signed",
    "that another key signed",
    REPLAYED,
)
"""What is wrong with an assertion, in the order in which it is tried; a sound one comes before the last."""


@dataclass(slots=True)
class Holder:
    """A client with a key, and what it has to ask with.

    Attributes:
        client: Who it is.
        key: Its private key.
        algorithm: By which it signs.
        machine: It may ask in its own name (OAuth 2.1 §4.2), again and again.
        form: The next token request without its assertion; None if there is nothing left to ask with.
        refresh_token: The newest one; None for a machine, or where none came.
    """

    client: ClientCredentials
    key: Key = field(repr=False)
    algorithm: str
    machine: bool
    form: Form | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    def signed(self, audience: str, **changes: object) -> str:
        """Return an assertion for an audience, with some claims replaced or, if None, left out."""
        return sign(self.key, self.algorithm, self.claims(audience, **changes))

    def claims(self, audience: str, **changes: object) -> dict[str, Any]:
        """Return what such an assertion says; it is fresh each time."""
        told = client_claims(self.client, now=time.time(), jti=secrets.token_urlsafe(16))
        changed = {**told, "aud": audience, **changes}
        return {name: value for name, value in changed.items() if value is not None}


async def offer_assertions(session: Session, logins: Logins) -> None:
    """Ask for tokens with assertions that are wrong in one way each, with a sound one, and with that again.

    They are addressed to the issuer; where the server does not take that, to the token endpoint.
    """
    if METHOD not in (session.document.words("token_endpoint_auth_methods_supported") or ()):
        session.missing(f"NOT_APPLICABLE: the server does not list {METHOD}", "asserted")
        return
    holder = await _registered(session)
    if holder is None:
        return
    holder.form = _own_request(session) if holder.machine else await _login(session, logins, holder)
    if holder.form is None:
        return
    for audience in (session.issuer, session.endpoint("token") or ""):
        if await _offer_all(session, holder, audience):
            await _end(session, holder, audience)
            return


async def _registered(session: Session) -> Holder | None:
    """Register a client that needs no person, where the server has such; else one that does."""
    if session.client is None or session.client.registration is None:
        session.missing("no client is registered where one was given", "asserted")
        return None
    made = key_for(session.document.words("token_endpoint_auth_signing_alg_values_supported"))
    if made is None:
        session.missing("the server lists no signature that this audit can make", "asserted")
        return None
    key, algorithm = made
    jwk = {**key.as_dict(private=False), "use": "sig", "alg": algorithm}
    machine = MACHINE in (session.document.words("grant_types_supported") or ())
    for grants in ((MACHINE,), CODE_GRANTS) if machine else (CODE_GRANTS,):
        own = await register_with_key(session, jwk, grants)
        if own is not None:
            return Holder(own.credentials, key, algorithm, machine=MACHINE in grants)
    answer = session.seen["registered with a key"]
    otherwise = "it was registered otherwise than asked" if text_member(answer, "client_id") else answer.said
    said = printable(error_of(answer), 60) or otherwise
    session.missing(f"no client with a key could be registered: {said}", "asserted")
    return None


def key_for(supported: tuple[str, ...] | None) -> tuple[Key, str] | None:
    """Make a key that signs by what a server lists, and say by which of it; None if there is no such key."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    for make in (
        partial(ECKey.generate_key, "P-256"),
        partial(OKPKey.generate_key, "Ed25519"),
        partial(RSAKey.generate_key, 2048),
    ):
        key: Key = make()
        _, possible = load_key(Secret(json.dumps(key.as_dict(private=True))))
        for algorithm in possible:
            if supported is None or algorithm in supported:
                return key, algorithm
    return None


def bad_assertions(holder: Holder, audience: str) -> dict[str, str]:
    """Return assertions by what is wrong with them, one thing each."""
    past = int(time.time()) - HOUR
    head, _, signature = holder.signed(audience).split(".")
    another = key_for((holder.algorithm,))
    assert another is not None  # there was one of that kind before
    return {
        "that has expired": holder.signed(audience, iat=past - 60, exp=past),
        "without exp": holder.signed(audience, exp=None),
        "for another audience": holder.signed(FOREIGN_AUDIENCE),
        "about another client": holder.signed(audience, sub=f"not-{holder.client.client_id}"),
        "without a signature": f"{part({'alg': 'none'})}.{part(holder.claims(audience))}.",
        "that was changed after it was signed": f"{head}.{part(holder.claims(audience))}.{signature}",
        "that another key signed": replace(holder, key=another[0]).signed(audience),
    }


def _own_request(session: Session) -> Form:
    return [("grant_type", MACHINE), ("scope", session.scope), ("resource", session.resource)]


async def _login(session: Session, logins: Logins, holder: Holder) -> Form | None:
    """Log in as the client with a key: one code, which only a sound request uses up."""
    request = sound(session)
    request.parameters = request.changed(client_id=holder.client.client_id)
    visit = await logins.visit("asserting", "a login of the client with a key", request.parameters)
    code = visit.one("code")
    if code is None:
        session.missing(visit.failure or "the login brought no code", "asserted")
        return None
    return redemption(session, code, request)


async def _offer_all(session: Session, holder: Holder, audience: str) -> bool:
    """Offer everything for an audience; return whether a sound assertion for it is taken."""
    for what, bad in bad_assertions(holder, audience).items():
        await _offer(session, holder, f"assertion: {what}", f"ask with an assertion {what}", bad)
    assertion = holder.signed(audience)
    answer = await _offer(session, holder, "asserted", "ask with a sound assertion", assertion)
    if answer is None or not gives_token(answer):
        return False
    await _offer(session, holder, f"assertion: {REPLAYED}", "ask with the same assertion again", assertion)
    endpoint = holder.signed(session.endpoint("token") or "")
    purpose = "ask with an assertion for the token endpoint"
    await _offer(session, holder, "assertion: token endpoint", purpose, endpoint)
    return True


async def _offer(
    session: Session, holder: Holder, name: str, purpose: str, assertion: str
) -> Exchange | None:
    """Ask for a token with an assertion; None if there is nothing left to ask with."""
    if holder.form is None:
        session.missing("the code was used up, and no refresh token came with it", name)
        return None
    form = [*holder.form, *_shown(holder, assertion)]
    answer = await session.ask_for_token(name, purpose, form, holder.client)
    if gives_token(answer) and not holder.machine:
        holder.refresh_token = text_member(answer, "refresh_token") or holder.refresh_token
        holder.form = form_of(session, holder.refresh_token) if holder.refresh_token else None
    return answer


def _shown(holder: Holder, assertion: str) -> Form:
    """Return how a client shows an assertion (RFC 7521 §4.2)."""
    return [
        ("client_id", holder.client.client_id),
        ("client_assertion_type", CLIENT_ASSERTION_TYPE),
        ("client_assertion", assertion),
    ]


async def _end(session: Session, holder: Holder, audience: str) -> None:
    """Revoke what came of a login."""
    if holder.refresh_token is None or session.endpoint("revocation") is None:
        return
    form = [*hinted(holder.refresh_token), *_shown(holder, holder.signed(audience))]
    await session.post(
        "asserted: ended", "end the login of the client with a key", "revocation", form, holder.client
    )
