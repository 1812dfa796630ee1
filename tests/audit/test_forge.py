"""Tokens that a careful server refuses."""

from __future__ import annotations

from mcp_vacuum.audit.forge import forgeries, made_up_token
from mcp_vacuum.audit.jwt import Jwt, is_signed_by
from tests.audit.keys import RSA_KEY
from tests.audit.test_jwt import MINT, TOKEN


def test_every_forgery_is_a_jwt_that_nobody_of_the_server_signed() -> None:
    made = forgeries(TOKEN, MINT.keys())

    assert len(made) == len(set(made.values())) == 12
    assert TOKEN not in made.values()
    assert all(Jwt.read(token) for token in made.values())
    assert not any(is_signed_by(token, MINT.keys()) for token in made.values())


def test_the_claims_stay_but_where_they_are_the_point() -> None:
    claims = Jwt.read(TOKEN)
    for name, token in forgeries(TOKEN, MINT.keys()).items():
        forged = Jwt.read(token)
        assert forged
        assert claims
        assert (forged.claims == claims.claims) is (name != "forged: with other claims")


def test_an_rsa_key_is_a_secret_too() -> None:
    made = forgeries(TOKEN, {"keys": [RSA_KEY]})

    assert "resigned: by HS256 with the public key as PEM" in made


def test_without_published_keys_there_is_less_to_try() -> None:
    assert len(forgeries(TOKEN, {})) == 11
    assert len(forgeries(TOKEN, {"keys": [{"kty": "RSA", "n": 7}]})) == 11


def test_what_is_no_jwt_cannot_be_forged() -> None:
    assert forgeries("at-opaque", MINT.keys()) == {}


def test_a_made_up_token_looks_like_one() -> None:
    jwt = Jwt.read(made_up_token(1000.0))

    assert jwt
    assert jwt.lifetime == 600
