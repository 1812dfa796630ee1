"""Published keys, sound and not: made for each run, so that none is kept in the repository."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec

EXPONENT = 65537


def b64(number: int) -> str:
    """Base64url of a number, without padding (RFC 7518 §2)."""
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def _rsa(bits: int) -> dict[str, object]:
    """The shape of an RSA key; no prime was looked for, since nobody verifies with it."""
    return {"kty": "RSA", "kid": "1", "use": "sig", "n": b64((1 << (bits - 1)) + 1), "e": b64(EXPONENT)}


_numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
EC_KEY: dict[str, object] = {
    "kty": "EC",
    "kid": "2",
    "use": "sig",
    "crv": "P-256",
    "x": b64(_numbers.x),
    "y": b64(_numbers.y),
}
RSA_KEY = _rsa(2048)
RSA_1024 = _rsa(1024)
