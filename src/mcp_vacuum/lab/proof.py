"""DPoP as a server sees it (RFC 9449): one proof for one request, and a nonce of each server's own."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from mcp_vacuum.lab.jose import Signed, key_of_jwk, s256, thumbprint
from mcp_vacuum.lab.messages import Headers, Refusal, Request

OLDEST = 300
"""Seconds by which a proof's `iat` may be off."""


class WantsNonce(Refusal):
    """A proof without this server's nonce (§8, §9)."""

    def __init__(self, status: int) -> None:
        super().__init__("use_dpop_nonce", "the proof needs this server's nonce", status)


class Proofs:
    """The proofs that one server takes.

    Args:
        nonces: Insist on a nonce.
        status: Of a refusal: 400 at the token endpoint, 401 at a resource.
        believes: Says whether proofs are taken unseen.
    """

    def __init__(self, *, nonces: bool, status: int, believes: Callable[[], bool] = lambda: False) -> None:
        self._believes = believes
        self._nonces, self._status = nonces, status
        self._lock = threading.Lock()  # guards _seen and _nonce
        self._seen: set[str] = set()
        self._nonce = secrets.token_urlsafe(12)

    @property
    def headers(self) -> Headers:
        """What every answer carries while nonces are on."""
        return (("DPoP-Nonce", self._nonce),) if self._nonces else ()

    def renew_nonce(self) -> None:
        """From now on another nonce is wanted."""
        with self._lock:
            self._nonce = secrets.token_urlsafe(12)

    def thumbprint(self, request: Request, url: str, access_token: str | None = None) -> str | None:
        """The thumbprint of the key behind a request's proof; None without a proof.

        Raises:
            Refusal: invalid_dpop_proof (§4.3), or use_dpop_nonce.
        """
        text = request.headers.get("dpop")
        if text is None:
            return None
        proof = Signed.read(text)
        jwk = proof.header.get("jwk") if proof else None
        if self._believes() and isinstance(jwk, dict):
            return thumbprint(jwk)
        key = key_of_jwk(jwk)
        if proof is None or key is None or proof.header.get("typ") != "dpop+jwt" or not proof.is_by(key):
            raise self._invalid("not a proof, or not signed by the key in it")
        self._check(proof.claims, request.method, url, access_token)
        assert isinstance(jwk, dict)
        return thumbprint(jwk)

    def _check(self, claims: dict[str, object], method: str, url: str, access_token: str | None) -> None:
        if (claims.get("htm"), claims.get("htu")) != (method, url):
            raise self._invalid("for another request")
        if access_token is not None and claims.get("ath") != s256(access_token):
            raise self._invalid("for another access token")
        at, jti = claims.get("iat"), claims.get("jti")
        if not isinstance(at, int) or abs(time.time() - at) > OLDEST:
            raise self._invalid("made at another time")
        if self._nonces and claims.get("nonce") != self._nonce:
            raise WantsNonce(self._status)
        with self._lock:
            if not isinstance(jti, str) or jti in self._seen:
                raise self._invalid("used before")
            self._seen.add(jti)

    def _invalid(self, why: str) -> Refusal:
        return Refusal("invalid_dpop_proof", why, self._status)
