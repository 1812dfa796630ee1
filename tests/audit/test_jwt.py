"""What a JWT says of itself."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.jwt import claims_of
from tests.audit.machine import jwt


def test_it_is_taken_apart() -> None:
    claims = claims_of(jwt("none", aud=["a", "b"], iat=100, exp=400, email="me@example.com"))

    assert claims is not None
    assert (claims.algorithm, claims.audience, claims.lifetime) == ("none", ("a", "b"), 300)
    assert claims.personal == ("email",)


def test_one_audience_or_none() -> None:
    one, none = claims_of(jwt(aud="a")), claims_of(jwt())

    assert one is not None
    assert one.audience == ("a",)
    assert none is not None
    assert none.audience == ()


def test_a_lifetime_takes_two_times() -> None:
    claims = claims_of(jwt(exp=None))

    assert claims is not None
    assert claims.lifetime is None


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "eyJ.eyJ.x", "eyJhbGciOiJub25lIn0.WzFd.", "ey" + "x" * 70_000]
)
def test_what_is_none(text: str) -> None:
    assert claims_of(text) is None
