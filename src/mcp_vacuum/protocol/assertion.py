"""Signed assertions: who a client is (RFC 7523 §2.2, rfc7523bis), and what a workload may ask for (§2.1)."""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable

if TYPE_CHECKING:
    from joserfc.jwk import Key

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 60
"""Seconds that a client assertion is good for; FAPI 2.0 allows no more."""
CLOCK_SKEW = 30
"""Seconds by which two clocks may differ before an assertion counts as expired."""

_ALGORITHMS: dict[str, dict[str | None, tuple[str, ...]]] = {
    "EC": {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)},
    "OKP": {"Ed25519": ("Ed25519", "EdDSA")},
    "RSA": {None: ("PS256", "RS256", "PS384", "RS384", "PS512", "RS512")},
}


def client_assertion(client: ClientCredentials, *, now: float, jti: str) -> str:
    """Sign the assertion by which a client authenticates, addressed to the issuer and to nobody else.

    Args:
        client: With `private_key_jwt` and a key, or `client_secret_jwt` and a secret.
        now: Unix seconds.
        jti: Fresh and random.

    Raises:
        AuthenticationError: There is no key, or it does not fit the algorithm (RFC 7518 §3.1).
    """
    claims = client_claims(client, now=now, jti=jti)
    if client.token_endpoint_auth_method == "client_secret_jwt":
        if client.client_secret is None:
            raise AuthenticationError("client_secret_jwt needs a client secret", spec="RFC 7523 §2.2")
        return sign(_octets(client.client_secret), "HS256", claims)
    if client.private_key is None:
        raise AuthenticationError("private_key_jwt needs a private key", spec="RFC 7523 §2.2")
    key, algorithms = load_key(client.private_key)
    return sign(key, _algorithm(client.signing_alg, algorithms), claims)


def client_claims(client: ClientCredentials, *, now: float, jti: str) -> dict[str, Any]:
    """Return what the assertion of a client says; see `client_assertion`."""
    return {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": client.issuer,
        "iat": int(now),
        "exp": int(now) + LIFETIME,
        "jti": jti,
    }


def load_key(text: Secret) -> tuple[Key, tuple[str, ...]]:
    """Read a private key, JWK or PEM, and return it with the algorithms that it can do.

    Raises:
        AuthenticationError: It is no private key, or of a kind that no algorithm here uses (RFC 7518 §3.1).
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    material = text.reveal().strip()
    try:
        with _no_warnings():
            key: Key = import_key(json.loads(material)) if material.startswith("{") else _from_pem(material)
    except (JoseError, ValueError, TypeError, KeyError):
        raise AuthenticationError(
            "the key is neither a JWK nor a PEM private key", spec="RFC 7517 §4"
        ) from None
    if not key.is_private:
        raise AuthenticationError("the key is public; signing needs the private one", spec="RFC 7515 §4")
    curve: str | None = getattr(key, "curve_name", None)
    algorithms = _ALGORITHMS.get(key.key_type, {}).get(curve)
    if not algorithms:
        raise AuthenticationError(
            f"a key of type {key.key_type} {curve or ''} signs with no algorithm here", spec="RFC 7518 §3.1"
        )
    return key, algorithms


def with_signing_alg(client: ClientCredentials, supported: tuple[str, ...] | None) -> ClientCredentials:
    """Settle the algorithm of a client's assertions: the first of its key's that the server lists.

    Args:
        client: Returned as it is where it has no key, or an algorithm that the person chose.
        supported: `token_endpoint_auth_signing_alg_values_supported` (RFC 8414 §2), None if it does not say.

    Raises:
        AuthenticationError: See `load_key`; or the server lists none that the key can do.
    """
    if client.private_key is None or client.signing_alg is not None or not supported:
        return client
    _, possible = load_key(client.private_key)
    for alg in possible:
        if alg in supported:
            return replace(client, signing_alg=alg)
    raise AuthenticationError(
        f"the key signs with none of what the server takes: {', '.join(map(printable, supported))}",
        spec="RFC 8414 §2",
        url=client.issuer,
    )


def _from_pem(pem: str) -> Key:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    key = load_pem_private_key(pem.encode(), None)
    if isinstance(key, EllipticCurvePrivateKey):
        return ECKey.import_key(pem)
    return OKPKey.import_key(pem) if isinstance(key, Ed25519PrivateKey) else RSAKey.import_key(pem)


def _algorithm(wanted: str | None, possible: tuple[str, ...]) -> str:
    if wanted is None:
        return possible[0]
    if wanted not in possible:
        raise AuthenticationError(
            f"the key cannot sign with {wanted}; it can with {', '.join(possible)}", spec="RFC 7518 §3.1"
        )
    return wanted


def _octets(secret: Secret) -> Key:
    from joserfc.jwk import OctKey

    with _no_warnings():
        return OctKey.import_key(secret.reveal())


def sign(key: Key, alg: str, claims: dict[str, Any]) -> str:
    """Sign claims as a client assertion, whatever they say."""
    from joserfc import jwt

    header = {"alg": alg, "typ": "client-authentication+jwt"}
    with _no_warnings():
        return jwt.encode(header, claims, key, algorithms=[alg])


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Keep joserfc's warnings of names and sizes to ourselves: the other side chose them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_assertion(assertion: Secret, *, audiences: tuple[str, ...], now: float) -> None:
    """Look at a JWT that somebody else signed before it is sent where it cannot be of use.

    The signature is the server's to check. A token that is no JWT passes: it may be opaque.

    Args:
        assertion: The workload's or identity provider's token.
        audiences: Whom it may be addressed to.
        now: Unix seconds.

    Raises:
        AuthenticationError: It is expired, not valid yet, or addressed to somebody else (RFC 7523 §3).
    """
    claims = unverified_claims(assertion)
    if claims is None:
        return
    expires, begins = claims.get("exp"), claims.get("nbf")
    if isinstance(expires, int | float) and expires < now - CLOCK_SKEW:
        raise AuthenticationError(
            f"the assertion expired {now - expires:.0f} s ago", hint="get a new one, or set the clock",
            spec="RFC 7523 §3 (4)",
        )  # fmt: skip
    if isinstance(begins, int | float) and begins > now + CLOCK_SKEW:
        raise AuthenticationError(
            "the assertion is not valid yet; is the clock right?", spec="RFC 7523 §3 (5)"
        )
    addressed = claims.get("aud")
    named = [addressed] if isinstance(addressed, str) else addressed if isinstance(addressed, list) else []
    if named and not set(map(_slashless, named)) & set(map(_slashless, audiences)):
        raise AuthenticationError(
            "the assertion is addressed to another audience",
            hint=f"have it issued for {audiences[0]}",
            spec="RFC 7523 §3 (3)",
        )


def _slashless(identifier: object) -> str:
    return str(identifier).rstrip("/")


def unverified_claims(token: Secret) -> dict[str, Any] | None:
    """Return the claims of a JWT without verifying anything, or None if it is no JWT."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
