"""Proofs that a token endpoint should not take (RFC 9449 §4.3), beside a refresh token bound to a key."""

from __future__ import annotations

import secrets
import time

from mcp_vacuum.audit.evidence.active_refresh import form_of, newest
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.forge import part
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.reaction import gives_token
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.safety.url import origin

HOUR = 3600


async def offer_bad_proofs(session: Session) -> None:
    """Refresh with one bad proof after the other; a server that takes one goes on with the new token."""
    if session.prover is None:
        session.missing("NOT_APPLICABLE: the resource asks for no bound tokens", "proofs")
        return
    token = newest(session)
    if token is None:
        session.missing("there is no refresh token that is bound to a key", "proofs")
        return
    for what, proof in bad_proofs(session.prover, session.endpoint("token") or "").items():
        name = f"proof: {what}"
        await session.ask_with_proof(name, f"refresh with {what}", form_of(session, token), proof)
        if gives_token(session.seen[name]):
            token = session.token(name, "refresh_token") or token
    session.seen["proofs"] = session.seen[name]
    session.seen["refreshed with proofs"] = await session.ask_for_token(
        "refreshed with proofs", "refresh with a good proof", form_of(session, token)
    )


def bad_proofs(prover: Prover, url: str) -> dict[str, str | None]:
    """Return proofs for a token request by what is wrong with them; None is none at all.

    Where a server gives nonces, these tell it the time, and `iat` need not (RFC 9449 §4.3, step 11).
    """
    other = Prover.generate(("ES256",))
    other.nonces.update(prover.nonces)
    good = _proof(prover, url)
    old = {"a proof of an hour ago": _proof(prover, url, iat=int(time.time()) - HOUR)}
    return {
        **({} if origin(url) in prover.nonces else old),
        "no proof": None,
        "another key's proof": _proof(other, url),
        "a proof for another method": _proof(prover, url, method="GET"),
        "a proof for another address": _proof(prover, f"{url.rstrip('/')}/elsewhere"),
        "a proof without a signature": _unsigned(good),
        "a proof that was changed": _changed(good),
    }


def _proof(prover: Prover, url: str, *, method: str = "POST", iat: int | None = None) -> str:
    at = int(time.time()) if iat is None else iat
    return prover.headers(method, url, iat=at, jti=secrets.token_urlsafe(16))


def _unsigned(proof: str) -> str:
    jwt = Jwt.read(proof)
    assert jwt is not None  # it was made a line before
    return f"{part({**jwt.header, 'alg': 'none'})}.{part({**jwt.claims, 'jti': secrets.token_urlsafe(16)})}."


def _changed(proof: str) -> str:
    jwt = Jwt.read(proof)
    assert jwt is not None
    return f"{part(jwt.header)}.{part({**jwt.claims, 'jti': secrets.token_urlsafe(16)})}.{jwt.signature}"
