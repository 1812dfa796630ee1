"""The lab's own reading of signed tokens, beside the examples that the RFCs print."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from mcp_vacuum.lab.jose import Signed, key_of_jwk, key_of_pem, s256, thumbprint, unb64
from tests.protocol.test_dpop import ACCESS_TOKEN, AT_THE_RESOURCE, AT_THE_TOKEN_ENDPOINT


@pytest.mark.parametrize("text", [AT_THE_TOKEN_ENDPOINT, AT_THE_RESOURCE])
def test_the_proofs_of_rfc_9449_verify(text: str) -> None:
    proof = Signed.read(text)
    assert proof
    key = key_of_jwk(proof.header["jwk"])
    assert key

    assert proof.is_by(key)
    assert not proof.is_by(ec.generate_private_key(ec.SECP256R1()).public_key())


def test_the_hashes_of_rfc_9449() -> None:
    proof = Signed.read(AT_THE_RESOURCE)
    assert proof
    jwk = proof.header["jwk"]
    assert isinstance(jwk, dict)

    assert proof.claims["ath"] == s256(ACCESS_TOKEN)
    assert thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def make_key(alg: str) -> ECKey | OKPKey | RSAKey:
    if alg == "ES256":
        return ECKey.generate_key("P-256")
    return OKPKey.generate_key("Ed25519") if alg == "EdDSA" else RSAKey.generate_key(2048)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256", "PS256"])
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_what_somebody_else_signed_verifies(alg: str) -> None:
    key = make_key(alg)
    signed = Signed.read(jwt.encode({"alg": alg}, {"a": 1}, key, algorithms=[alg]))
    public = key_of_pem(key.as_pem(private=False).decode())
    assert signed

    assert signed.is_by(public)
    assert signed.claims == {"a": 1}
    assert not Signed(signed.header, signed.claims, signed.content + b"x", signed.signature).is_by(public)
    assert not Signed({"alg": "none"}, signed.claims, signed.content, b"").is_by(public)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "e30.e30", "W10.W10.", "\xe9.\xe9.\xe9"])
def test_what_is_no_jwt(text: str) -> None:
    assert Signed.read(text) is None


@pytest.mark.parametrize(
    "jwk",
    [None, [], {}, {"kty": "EC"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}, {"kty": "oct", "crv": "x"}],
)
def test_what_is_no_public_key(jwk: object) -> None:
    assert key_of_jwk(jwk) is None


def test_a_private_key_does_not_belong_in_a_header() -> None:
    assert key_of_jwk(json.loads(json.dumps(ECKey.generate_key("P-256").as_dict(private=True)))) is None


def test_a_kind_that_the_lab_cannot_verify_with() -> None:
    odd = ed448.Ed448PrivateKey.generate().public_key()
    good = (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048))
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError):
        key_of_pem(odd.public_bytes(*form).decode())

    assert all(key_of_pem(key.public_key().public_bytes(*form).decode()) for key in good)


def test_base64url_without_padding() -> None:
    assert unb64("AQ") == b"\x01"
