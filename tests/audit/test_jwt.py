"""What a JWT says, and who signed it."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.jwt import Jwt, is_signed_by
from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.grants import Approval
from mcp_vacuum.lab.mint import Minter
from tests.audit.keys import RSA_KEY
from tests.audit.machine import jwt as made

APPROVAL = Approval("client", "ada", ("mcp:tools",), "https://mcp.example/mcp")
MINT = Minter(lambda: "https://as.example", Faults())
TOKEN = MINT.token(APPROVAL, ("mcp:tools",), 10_000_000_000)


def test_it_is_taken_apart() -> None:
    jwt = Jwt.read(TOKEN)
    assert jwt

    assert jwt.header["typ"] == "at+jwt"
    assert jwt.audiences == ("https://mcp.example/mcp",)
    assert jwt.lifetime
    assert jwt.lifetime > 3600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "at-xyz",
        "a.b.c",
        "eyJ.eyJ.x",
        "eyJhbGciOiJub25lIn0.WzFd.",
        "ey" + "x" * 70_000,
        "e30.W10.x",
        "W10.e30.x",
        "🦆.e30.x",
    ],
)
def test_what_is_none_is_none(text: str) -> None:
    assert Jwt.read(text) is None


def test_the_signature_is_looked_at() -> None:
    head, body, signature = TOKEN.split(".")

    assert is_signed_by(TOKEN, MINT.keys()) is True
    assert is_signed_by(f"{head}.{body[:-2]}AA.{signature}", MINT.keys()) is not True
    assert is_signed_by(TOKEN, Minter(lambda: "x", Faults()).keys()) is False


@pytest.mark.parametrize(
    "published", [{}, {"keys": 7}, {"keys": []}, {"keys": [RSA_KEY]}, {"keys": [{"kid": "lab-1"}]}]
)
def test_where_no_key_fits_nothing_is_told(published: dict[str, object]) -> None:
    assert is_signed_by(TOKEN, published) is None


def test_several_audiences_and_odd_ones() -> None:
    assert Jwt({}, {"aud": ["a", 7, "b"]}, "").audiences == ("a", "b")
    assert Jwt({}, {"aud": None}, "").audiences == ()
    assert Jwt({}, {"exp": "x"}, "").lifetime is None


def test_what_it_says_of_itself_and_of_a_person() -> None:
    jwt = Jwt.read(made("none", aud=["a", "b"], iat=100, exp=400, email="me@example.com"))
    assert jwt

    assert (jwt.algorithm, jwt.audiences, jwt.lifetime) == ("none", ("a", "b"), 300)
    assert jwt.personal == ("email",)


def test_one_audience_or_none_and_a_lifetime_that_takes_two_times() -> None:
    one, none = Jwt.read(made(aud="a")), Jwt.read(made(exp=None))
    assert one
    assert none

    assert (one.audiences, none.audiences, none.lifetime) == (("a",), (), None)
