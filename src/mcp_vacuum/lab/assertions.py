"""Client assertions as an authorization server sees them (RFC 7523 §2.2 and §3, rfc7523bis §4)."""

from __future__ import annotations

import threading
import time

from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.jose import PublicKey, Signed, key_of_jwk
from mcp_vacuum.lab.messages import Refusal

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METHOD = "private_key_jwt"
ALGORITHMS = ("ES256", "EdDSA")


class Assertions:
    """What proves that a client has its key.

    Args:
        issuer: Whom assertions have to be addressed to, and nobody else.
        faults: `assertion_unchecked` names what is not looked at.
    """

    def __init__(self, issuer: str, faults: Faults) -> None:
        self._issuer, self._faults = issuer, faults
        self._lock = threading.Lock()  # guards _seen
        self._seen: set[str] = set()

    def check(self, text: str, client_id: str, keys: tuple[PublicKey, ...]) -> None:
        """Look at an assertion.

        Raises:
            Refusal: invalid_client.
        """
        unchecked = self._faults.assertion_unchecked
        token = Signed.read(text)
        if token is None or not self._is_signed(token, keys):
            raise _refused("it is not signed by this client's key")
        if token.claims.get("iss") != client_id or (
            token.claims.get("sub") != client_id and "sub" not in unchecked
        ):
            raise _refused("it is about somebody else")
        if "aud" not in unchecked and not self._is_for_us(token.claims.get("aud")):
            raise _refused("it is for another audience")
        self._check_times(token.claims.get("exp"))
        self._use_up(token.claims.get("jti"))

    def _is_signed(self, token: Signed, keys: tuple[PublicKey, ...]) -> bool:
        unchecked = self._faults.assertion_unchecked
        if token.header.get("alg") == "none":
            return "alg" in unchecked
        return "signature" in unchecked or any(token.is_by(key) for key in keys)

    def _is_for_us(self, audience: object) -> bool:
        also = (f"{self._issuer}/token",) if "token endpoint" in self._faults.assertion_unchecked else ()
        named = audience if isinstance(audience, list) else [audience]
        return len(named) == 1 and named[0] in (self._issuer, *also)

    def _check_times(self, expires: object) -> None:
        unchecked = self._faults.assertion_unchecked
        if expires is None and "no exp" in unchecked:
            return
        if not isinstance(expires, int | float):
            raise _refused("it does not say when it ends")
        if expires < time.time() and "exp" not in unchecked:
            raise _refused("it has expired")

    def _use_up(self, jti: object) -> None:
        with self._lock:
            if not isinstance(jti, str) or (
                jti in self._seen and "jti" not in self._faults.assertion_unchecked
            ):
                raise _refused("it was used before")
            self._seen.add(jti)


def keys_of(jwks: object) -> tuple[PublicKey, ...]:
    """The public keys of a JWK set; those that the lab cannot verify with are left out."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    found = map(key_of_jwk, listed if isinstance(listed, list) else ())
    return tuple(key for key in found if key is not None)


def named_in(text: str) -> str:
    """Who an assertion says that it is by; empty if it does not."""
    token = Signed.read(text)
    return str(token.claims.get("iss", "")) if token else ""


def _refused(why: str) -> Refusal:
    return Refusal("invalid_client", f"the assertion is not good: {why}", 401)
