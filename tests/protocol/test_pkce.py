from __future__ import annotations

import re
from base64 import urlsafe_b64decode

from mcp_vacuum.protocol.pkce import VERIFIER_BYTES, PKCEChallenge, s256
from mcp_vacuum.safety.secret import Secret


class TestS256:
    """RFC 7636 §4.2."""

    def test_the_vector_of_appendix_b(self) -> None:
        verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

        assert s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class TestGenerateChallenge:
    """RFC 7636 §4.1 and §7.1, with the 64 bytes of the specification."""

    def test_the_challenge_comes_first(self) -> None:
        challenge, verifier = PKCEChallenge.generate_challenge()

        assert challenge == s256(Secret(verifier))

    def test_the_verifier_is_64_bytes_of_unreserved_characters(self) -> None:
        _, verifier = PKCEChallenge.generate_challenge()

        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
        assert len(urlsafe_b64decode(verifier + "==")) == VERIFIER_BYTES == 64

    def test_no_two_are_alike(self) -> None:
        assert len({PKCEChallenge.generate_challenge() for _ in range(100)}) == 100
