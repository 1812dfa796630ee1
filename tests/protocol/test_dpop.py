"""Proofs, beside the examples that RFC 9449 and RFC 7638 print."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.errors import UsageError
from mcp_vacuum.protocol.dpop import ProofKey, _thumbprint, choose_algorithm
from mcp_vacuum.safety.secret import Secret

HEADER_OF_THE_RFC = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
    "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
    "In19"
)
AT_THE_TOKEN_ENDPOINT = (
    f"{HEADER_OF_THE_RFC}."
    "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwi"
    "aWF0IjoxNTYyMjYyNjE2fQ."
    "2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
"""RFC 9449 §4.1, figure 1."""
AT_THE_RESOURCE = (
    f"{HEADER_OF_THE_RFC}."
    "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0"
    "ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9."
    "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
"""RFC 9449 §7.1, figure 12."""
ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
"""RFC 9449 §7.1."""


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a proof by the key in its header, as a server does, and return header and claims."""
    signed, _, signature = proof.rpartition(".")
    head, _, body = signed.partition(".")
    header, raw = json.loads(unb64(head)), unb64(signature)
    if header["jwk"]["kty"] == "OKP":
        Ed25519PublicKey.from_public_bytes(unb64(header["jwk"]["x"])).verify(raw, signed.encode())
    else:
        assert len(raw) == 64
        x, y = (int.from_bytes(unb64(header["jwk"][part]), "big") for part in ("x", "y"))
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        public.verify(encode_dss_signature(r, s), signed.encode(), ECDSA(SHA256()))
    return header, json.loads(unb64(body))


@pytest.fixture(params=["ES256", "EdDSA", "Ed25519"])
def key(request: pytest.FixtureRequest) -> ProofKey:
    return ProofKey.generate((request.param,))


class TestExamplesOfTheRfc:
    """What this file verifies the RFC's proofs with is what it verifies ours with."""

    @pytest.mark.parametrize(
        ("printed", "method", "url", "access_token"),
        [
            (AT_THE_TOKEN_ENDPOINT, "POST", "https://server.example.com/token", None),
            (AT_THE_RESOURCE, "GET", "https://resource.example.org/protectedresource", ACCESS_TOKEN),
        ],
        ids=["4.1", "7.1"],
    )
    def test_ours_says_what_the_printed_one_says(
        self, printed: str, method: str, url: str, access_token: str | None
    ) -> None:
        header, claims = read(printed)
        ours = ProofKey.generate().proof(
            method, url, iat=claims["iat"], jti=claims["jti"], access_token=access_token
        )
        our_header, our_claims = read(ours)

        assert our_claims == claims
        assert {**our_header, "jwk": None} == {**header, "jwk": None}
        assert our_header["jwk"].keys() == header["jwk"].keys()

    def test_the_thumbprint_of_its_key_is_the_one_it_prints(self) -> None:
        """RFC 9449 §6.1, `jkt`."""
        header, _ = read(AT_THE_RESOURCE)

        assert _thumbprint(header["jwk"]) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

    def test_the_thumbprint_of_rfc_7638(self) -> None:
        """RFC 7638 §3.1."""
        jwk = {
            "kty": "RSA",
            "n": (
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
                "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
                "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
                "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
                "Cur-kEgU"
                "8awapJzKnqDKgw"
            ),
            "e": "AQAB",
        }

        assert _thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


class TestProof:
    """RFC 9449 §4.2."""

    def test_it_verifies_with_the_key_in_its_header(self, key: ProofKey) -> None:
        header, claims = read(key.proof("POST", "https://as.example/token", iat=7, jti="j"))

        assert (header["typ"], header["alg"], header["jwk"]) == ("dpop+jwt", key.alg, key.public_jwk)
        assert claims == {"jti": "j", "htm": "POST", "htu": "https://as.example/token", "iat": 7}
        assert "d" not in header["jwk"]

    def test_a_changed_proof_does_not(self, key: ProofKey) -> None:
        proof = key.proof("POST", "https://as.example/token", iat=7, jti="j")
        head, body, signature = proof.split(".")

        with pytest.raises(InvalidSignature):
            read(f"{head}.{body[:-2]}{'AB' if body[-2:] != 'AB' else 'CD'}.{signature}")

    @pytest.mark.parametrize("extra", ["?a=b", "#f", "?a=b#f", "#f?a"])
    def test_query_and_fragment_do_not_count(self, key: ProofKey, extra: str) -> None:
        _, claims = read(key.proof("GET", f"https://mcp.example/mcp{extra}", iat=0, jti="j"))

        assert claims["htu"] == "https://mcp.example/mcp"

    def test_the_hash_of_the_token_and_the_nonce(self, key: ProofKey) -> None:
        _, claims = read(key.proof("GET", "https://a.example", iat=0, jti="j", nonce="n", access_token="t"))

        assert unb64(claims["ath"]) == sha256(b"t").digest()
        assert claims["nonce"] == "n"

    @given(url=st.text(max_size=20), nonce=st.text(max_size=20), iat=st.integers(0, 2**40))
    def test_whatever_a_server_says_is_one_string_in_the_claims(self, url: str, nonce: str, iat: int) -> None:
        proof = KEY.proof("GET", url, iat=iat, jti="j", nonce=nonce)
        _, claims = read(proof)

        assert (claims["nonce"], claims["iat"]) == (nonce, iat)
        assert claims.keys() == {"jti", "htm", "htu", "iat", "nonce"}


KEY = ProofKey.generate()


class TestKey:
    def test_it_comes_back_from_the_store_as_it_was(self, key: ProofKey) -> None:
        again = ProofKey.from_secret(key.to_secret())

        assert (again.alg, again.thumbprint, again.public_jwk) == (key.alg, key.thumbprint, key.public_jwk)
        read(again.proof("GET", "https://a.example", iat=0, jti="j"))

    def test_what_is_no_key_is_a_value_error(self) -> None:
        with pytest.raises(ValueError):
            ProofKey.from_secret(Secret("no key"))

    def test_its_repr_shows_the_thumbprint_and_nothing_private(self, key: ProofKey) -> None:
        private = json.loads(key.to_secret().reveal())["d"]

        assert repr(key) == f"ProofKey({key.alg}, {key.thumbprint})"
        assert private not in repr(key) + repr(key.to_secret()) + key.proof("GET", "u", iat=0, jti="j")


class TestAlgorithm:
    """RFC 9449 §5.1."""

    @pytest.mark.parametrize(
        ("listed", "chosen"),
        [
            (None, "ES256"),
            ((), "ES256"),
            (("RS256", "ES256"), "ES256"),
            (("EdDSA", "ES256"), "ES256"),
            (("RS256", "EdDSA"), "EdDSA"),
            (("Ed25519",), "Ed25519"),
        ],
    )
    def test_ours_among_the_listed(self, listed: tuple[str, ...] | None, chosen: str) -> None:
        assert choose_algorithm(listed) == chosen
        assert ProofKey.generate(listed).alg == chosen

    def test_none_of_ours_is_said_with_the_section(self) -> None:
        with pytest.raises(UsageError, match="RS256, PS512") as caught:
            choose_algorithm(("RS256", "PS512"))

        assert caught.value.spec == "RFC 9449 §5.1"
