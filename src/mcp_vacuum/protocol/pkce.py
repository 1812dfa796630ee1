"""Proof Key for Code Exchange (RFC 7636), S256 only."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

from mcp_vacuum.safety.secret import Secret

VERIFIER_BYTES = 64


class PKCEChallenge:
    """Makes the pair of one login: a challenge to show and a verifier to keep."""

    @staticmethod
    def generate_challenge() -> tuple[str, str]:
        """Return ``(challenge, verifier)``, in this order.

        The verifier is 64 random bytes as 86 unreserved characters (RFC 7636 §4.1 allows 43 to 128);
        the challenge is its SHA-256, base64url without padding (§4.2).
        """
        verifier = secrets.token_urlsafe(VERIFIER_BYTES)
        return s256(Secret(verifier)), verifier


def s256(verifier: Secret) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.reveal().encode("ascii")).digest()).rstrip(b"=").decode()
