"""Signed tokens, read and verified by `cryptography` alone (RFC 7515, RFC 7638)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_ALGORITHMS = {
    EllipticCurvePublicKey: ("ES256",),
    Ed25519PublicKey: ("EdDSA", "Ed25519"),
    RSAPublicKey: ("RS256", "PS256"),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A JWT whose signature nobody has looked at yet."""

    header: dict[str, object]
    claims: dict[str, object]
    content: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> Signed | None:
        """Take a JWT apart; None if it is none."""
        try:
            head, body, signature = text.split(".")
            header, claims = json.loads(unb64(head)), json.loads(unb64(body))
            raw = unb64(signature)
        except ValueError:
            return None
        both = isinstance(header, dict) and isinstance(claims, dict)
        return cls(header, claims, f"{head}.{body}".encode(), raw) if both else None

    def is_by(self, key: PublicKey) -> bool:
        """Whether this key signed it, with an algorithm that fits the key."""
        fitting = next((names for kind, names in _ALGORITHMS.items() if isinstance(key, kind)), ())
        if self.header.get("alg") not in fitting:
            return False
        try:
            self._verify(key)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _verify(self, key: PublicKey) -> None:
        if isinstance(key, Ed25519PublicKey):
            key.verify(self.signature, self.content)
        elif isinstance(key, RSAPublicKey):
            pss = self.header["alg"] == "PS256"
            padding = PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH) if pss else PKCS1v15()
            key.verify(self.signature, self.content, padding, SHA256())
        else:
            if len(self.signature) != 64:
                raise ValueError("an ES256 signature has 64 bytes")
            r, s = (int.from_bytes(part, "big") for part in (self.signature[:32], self.signature[32:]))
            key.verify(encode_dss_signature(r, s), self.content, ECDSA(SHA256()))


def key_of_jwk(jwk: object) -> PublicKey | None:
    """The public key in a JWK, P-256 or Ed25519; None for anything else, a private key included."""
    if not isinstance(jwk, dict) or "d" in jwk:
        return None
    try:
        if (jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519"):
            return Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
        if (jwk["kty"], jwk["crv"]) == ("EC", "P-256"):
            x, y = (int.from_bytes(unb64(jwk[part]), "big") for part in ("x", "y"))
            return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    return None


def key_of_pem(pem: str) -> PublicKey:
    """The public key in a PEM.

    Raises:
        ValueError: It is of a kind that the lab cannot verify with.
    """
    key = load_pem_public_key(pem.encode())
    if isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey):
        return key
    raise ValueError("an EC, Ed25519 or RSA key is wanted")


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 of an EC or OKP key."""
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    return s256(json.dumps(members, separators=(",", ":")))


def s256(text: str) -> str:
    """SHA-256 in base64url, as `ath` and thumbprints are written."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        ValueError: It is something else.
    """
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
