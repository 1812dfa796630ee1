"""What a JWT says, and whose signature it has (RFC 7519). Pure; the token itself is never shown."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

LONGEST = 64 * 1024
PERSONAL = ("email", "phone_number", "name", "given_name", "family_name", "address", "birthdate", "picture")
"""Claims about a person (OpenID Connect Core §5.1)."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JWT, taken apart; nobody has looked at its signature."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signature: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Take a signed JWT apart; None if it is none."""
        if len(text) > LONGEST or not text.startswith("ey"):
            return None
        try:
            head, body, signature = text.split(".")
            header, claims = json.loads(unb64(head)), json.loads(unb64(body))
        except (ValueError, RecursionError):
            return None
        both = isinstance(header, dict) and isinstance(claims, dict)
        return cls(header, claims, signature) if both else None

    @property
    def algorithm(self) -> str:
        """Its `alg`, empty if it names none."""
        return str(self.header.get("alg") or "")

    @property
    def audiences(self) -> tuple[str, ...]:
        """What it is for; empty if it does not say."""
        stated = self.claims.get("aud")
        named = stated if isinstance(stated, list) else [stated]
        return tuple(each for each in named if isinstance(each, str))

    @property
    def lifetime(self) -> float | None:
        """Seconds from iat to exp; None if it does not say."""
        begins, ends = self.number("iat"), self.number("exp")
        return None if begins is None or ends is None else ends - begins

    @property
    def personal(self) -> tuple[str, ...]:
        """The claims in it that are about a person."""
        return tuple(name for name in PERSONAL if self.claims.get(name))

    def number(self, name: str) -> float | None:
        """Return a numeric claim; None for anything else."""
        found = self.claims.get(name)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def unb64(text: str) -> bytes:
    """Decode base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text: str) -> int:
    """Read a number of a JWK."""
    return int.from_bytes(unb64(text))


def is_signed_by(token: str, published: Mapping[str, Any]) -> bool | None:
    """Say whether one of the published keys made the signature; None if that cannot be told here."""
    jwt, keys = Jwt.read(token), published.get("keys")
    if jwt is None or not isinstance(keys, list):
        return None
    named = [key for key in keys if isinstance(key, dict) and key.get("kid") in (None, jwt.header.get("kid"))]
    told = [_made_by(token, str(jwt.header.get("alg")), key) for key in named]
    known = [each for each in told if each is not None]
    return any(known) if known else None


def _made_by(token: str, alg: str, key: Mapping[str, Any]) -> bool | None:
    from cryptography.exceptions import InvalidSignature

    content, _, signature = token.rpartition(".")
    try:
        _verify(alg, key, content.encode(), unb64(signature))
    except InvalidSignature:
        return False
    except (KeyError, TypeError, ValueError):
        return None
    return True


def _verify(alg: str, key: Mapping[str, Any], content: bytes, raw: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    if alg == "ES256":
        public = EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), SECP256R1()).public_key()
        whole = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        public.verify(whole, content, ECDSA(SHA256()))
    elif alg in ("RS256", "PS256"):
        padding = PKCS1v15() if alg == "RS256" else PSS(MGF1(SHA256()), 32)
        RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key().verify(
            raw, content, padding, SHA256()
        )
    elif alg in ("EdDSA", "Ed25519"):
        Ed25519PublicKey.from_public_bytes(unb64(key["x"])).verify(raw, content)
    else:
        raise ValueError(f"no way to verify {alg}")
