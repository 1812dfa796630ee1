"""Demonstrating Proof of Possession (RFC 9449): tokens that are worth nothing without their key.

The header of a proof depends on the key alone and is made once; what is left for each proof is a small
payload and one signature.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePrivateNumbers,
    EllipticCurvePublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.secret import Secret

ALGORITHMS = ("ES256", "EdDSA", "Ed25519")
"""In our order of preference; ``Ed25519`` is the name of RFC 9864 for what RFC 8037 calls ``EdDSA``."""

Signer = Callable[[bytes], bytes]


class ProofKey:
    """The private key that tokens are bound to. Its `repr` shows the thumbprint only."""

    def __init__(self, private_key: EllipticCurvePrivateKey | Ed25519PrivateKey, alg: str) -> None:
        """Take a key and the algorithm name that goes into proofs."""
        self.alg = alg
        self._private_key = private_key
        self.public_jwk = _public_jwk(private_key)
        self.thumbprint = _thumbprint(self.public_jwk)
        header = {"typ": "dpop+jwt", "alg": alg, "jwk": self.public_jwk}
        self._header = _b64(json.dumps(header, separators=(",", ":")).encode()) + b"."
        self._sign = _signer(private_key)

    @classmethod
    def generate(cls, supported: tuple[str, ...] | None = None) -> ProofKey:
        """Make a key for a server that lists `dpop_signing_alg_values_supported` (RFC 9449 §5.1).

        Raises:
            UsageError: It lists none that we have.
        """
        alg = choose_algorithm(supported)
        return cls(generate_private_key(SECP256R1()) if alg == "ES256" else Ed25519PrivateKey.generate(), alg)

    @classmethod
    def from_secret(cls, text: Secret) -> ProofKey:
        """Restore a key from `to_secret()`.

        Raises:
            ValueError: It is none.
        """
        try:
            jwk = json.loads(text.reveal())
            return cls(_private_key(jwk), jwk["alg"])
        except (KeyError, TypeError, ValueError, RecursionError):  # without a cause: its text is the key
            raise ValueError("it is no DPoP key") from None

    def to_secret(self) -> Secret:
        """Return the private key as a JWK, to be sealed."""
        return Secret(json.dumps({**self.public_jwk, "d": _private_part(self._private_key), "alg": self.alg}))

    def proof(
        self,
        method: str,
        url: str,
        *,
        iat: int,
        jti: str,
        nonce: str | None = None,
        access_token: str | None = None,
    ) -> str:
        """Make one proof (RFC 9449 §4.2).

        Args:
            method: The request's method.
            url: The request's URL; query and fragment do not count.
            iat: Unix seconds; the server allows a few minutes either way.
            jti: Fresh and random, at least 96 bits, base64url.
            nonce: The newest nonce of that server, if it gives any (§8, §9).
            access_token: The token that the request carries; its hash goes into the proof.
        """
        claims = f'"jti":"{jti}","htm":"{method}","htu":{_htu(url)},"iat":{iat}'
        if access_token is not None:
            claims += f',"ath":"{_b64(sha256(access_token.encode("ascii")).digest()).decode()}"'
        if nonce is not None:
            claims += f',"nonce":{json.dumps(nonce)}'
        signed = self._header + _b64(f"{{{claims}}}".encode())
        return (signed + b"." + _b64(self._sign(signed))).decode()

    def __repr__(self) -> str:
        return f"ProofKey({self.alg}, {self.thumbprint})"


def choose_algorithm(supported: tuple[str, ...] | None) -> str:
    """Return the algorithm to use; a server that lists none is taken to have ES256.

    Raises:
        UsageError: None of the listed ones is ours.
    """
    if not supported:
        return "ES256"
    for alg in ALGORITHMS:
        if alg in supported:
            return alg
    raise UsageError(f"the server takes DPoP only with {', '.join(supported)}", spec="RFC 9449 §5.1")


def _htu(url: str) -> str:
    """RFC 9449 §4.2: the target URI without query and fragment, as a JSON string."""
    return json.dumps(url.partition("#")[0].partition("?")[0])


def _b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signer(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> Signer:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    algorithm = ECDSA(SHA256())

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, algorithm))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def _public_jwk(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> dict[str, str]:
    if isinstance(key, Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _b64(key.public_key().public_bytes_raw()).decode()}
    numbers = key.public_key().public_numbers()
    x, y = (_b64(part.to_bytes(32, "big")).decode() for part in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _private_part(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> str:
    if isinstance(key, Ed25519PrivateKey):
        return _b64(key.private_bytes_raw()).decode()
    return _b64(key.private_numbers().private_value.to_bytes(32, "big")).decode()


def _private_key(jwk: dict[str, Any]) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
    if jwk["kty"] == "OKP":
        return Ed25519PrivateKey.from_private_bytes(_unb64(jwk["d"]))
    x, y, d = (int.from_bytes(_unb64(jwk[part]), "big") for part in ("x", "y", "d"))
    return EllipticCurvePrivateNumbers(d, EllipticCurvePublicNumbers(x, y, SECP256R1())).private_key()


def _thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638: SHA-256 over the required members in lexical order."""
    members = json.dumps({name: jwk[name] for name in sorted(jwk)}, separators=(",", ":"))
    return _b64(sha256(members.encode()).digest()).decode()
