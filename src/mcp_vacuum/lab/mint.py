"""Access tokens that say what they are: JWTs of RFC 9068, signed by a key of the lab."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_vacuum.lab.faults import Faults, overridden
from mcp_vacuum.lab.grants import Approval

KEY_ID = "lab-1"


class Minter:
    """Makes and publishes.

    Args:
        issuer: Gives the issuer identifier, which is known only when the ports are.
        faults: `jwt_override` changes what a token says.
        clock: Unix time in seconds.
    """

    def __init__(
        self, issuer: Callable[[], str], faults: Faults, clock: Callable[[], float] = time.time
    ) -> None:
        self._issuer, self._faults, self._clock = issuer, faults, clock
        self._key = generate_private_key(SECP256R1())

    def token(self, approval: Approval, scopes: tuple[str, ...], expires_at: float) -> str:
        """A signed token, with the faults that are on."""
        header: dict[str, object] = {"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID}
        claims: dict[str, object] = {
            "iss": self._issuer(),
            "sub": approval.subject,
            "aud": approval.resource,
            "client_id": approval.client_id,
            "scope": " ".join(scopes),
            "iat": int(self._clock()),
            "exp": int(expires_at),
            "jti": secrets.token_urlsafe(16),
        }
        changes = self._faults.jwt_override
        in_header = {name: changes[name] for name in ("alg", "typ") if name in changes}
        in_claims = {name: value for name, value in changes.items() if name not in in_header}
        content = f"{_part(overridden(header, in_header))}.{_part(overridden(claims, in_claims))}"
        r, s = decode_dss_signature(self._key.sign(content.encode(), ECDSA(SHA256())))
        return f"{content}.{_b64(r.to_bytes(32) + s.to_bytes(32))}"

    def keys(self) -> dict[str, object]:
        """The key set of `jwks_uri`."""
        numbers = self._key.public_key().public_numbers()
        x, y = (_b64(value.to_bytes(32)) for value in (numbers.x, numbers.y))
        key = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": KEY_ID, "use": "sig", "alg": "ES256"}
        return {"keys": [key]}


def _part(members: Mapping[str, object]) -> str:
    return _b64(json.dumps(members, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
