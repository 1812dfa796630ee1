"""Tokens that a careful server refuses: without a signature, with a changed one, or by the wrong key."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from mcp_vacuum.audit.jwt import Jwt, number

_CANARY = "https://auditor.invalid/keys"


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def part(members: Mapping[str, Any]) -> str:
    """Return members as a part of a JWT."""
    return _b64(json.dumps(members, separators=(",", ":")).encode())


def made_up_token(now: float) -> str:
    """Return what looks like a token of an issuer that does not exist."""
    claims = {
        "iss": "https://auditor.invalid",
        "sub": "nobody",
        "aud": "https://auditor.invalid",
        "exp": int(now) + 600,
        "iat": int(now),
        "jti": "made-up",
    }
    return f"{part({'alg': 'RS256', 'typ': 'at+jwt'})}.{part(claims)}.{_b64(b'made-up-signature' * 8)}"


def forgeries(token: str, published: Mapping[str, Any]) -> dict[str, str]:
    """Return changed copies of a JWT by what was done to it; empty if it is none.

    Args:
        token: Of the auditor's own login.
        published: The authorization server's key set.
    """
    jwt = Jwt.read(token)
    if jwt is None:
        return {}
    return {**_unsigned(token, jwt), **_resigned(jwt, published)}


def _unsigned(token: str, jwt: Jwt) -> dict[str, str]:
    head, body, signature = token.split(".")
    changed = {**jwt.claims, "sub": f"{jwt.claims.get('sub', '')}-changed"}
    made = {
        f"forged: with alg {name}": f"{part({**jwt.header, 'alg': name})}.{body}."
        for name in ("none", "None", "NONE")
    }
    made["forged: without its signature"] = f"{head}.{body}."
    made["forged: with other claims"] = f"{head}.{part(changed)}.{signature}"
    return made


def _resigned(jwt: Jwt, published: Mapping[str, Any]) -> dict[str, str]:
    """Sign the same claims with what everybody may know."""
    keys = published.get("keys")
    key = next((each for each in keys if isinstance(each, dict)), {}) if isinstance(keys, list) else {}
    symmetric = {**jwt.header, "alg": "HS256"}
    secrets = {
        "the public key as JWK": json.dumps(key).encode(),
        "the public key as PEM": _pem(key),
        "an empty secret": b"",
    }
    made = {
        f"resigned: by HS256 with {what}": _hs256(symmetric, jwt.claims, secret)
        for what, secret in secrets.items()
        if secret is not None
    }
    made["resigned: with a kid that climbs"] = _hs256(
        {**symmetric, "kid": "../../../../../../dev/null"}, jwt.claims, b""
    )
    return {**made, **_own_key(jwt)}


def _hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    content = f"{part(header)}.{part(claims)}"
    return f"{content}.{_b64(hmac.new(secret, content.encode(), hashlib.sha256).digest())}"


def _pem(key: Mapping[str, Any]) -> bytes | None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        if key.get("kty") == "RSA":
            public: Any = RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
        elif key.get("crv") == "P-256":
            public = EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), SECP256R1()).public_key()
        else:
            return None
        made: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except (KeyError, TypeError, ValueError):
        return None
    return made


def _own_key(jwt: Jwt) -> dict[str, str]:
    """Sign with a key of our own that the header itself brings, or names."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    private = generate_private_key(SECP256R1())
    numbers = private.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256"} | {
        name: _b64(value.to_bytes(32, "big")) for name, value in (("x", numbers.x), ("y", numbers.y))
    }
    made = {}
    for what, brought in (("jwk", {"jwk": jwk}), ("jku", {"jku": _CANARY}), ("x5u", {"x5u": _CANARY})):
        content = f"{part({**jwt.header, 'alg': 'ES256', **brought})}.{part(jwt.claims)}"
        r, s = decode_dss_signature(private.sign(content.encode(), ECDSA(SHA256())))
        signature = _b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        made[f"resigned: by a key of our own in {what}"] = f"{content}.{signature}"
    return made
