"""Access tokens that say what they are."""

from __future__ import annotations

from mcp_vacuum.lab.faults import ABSENT, Faults
from mcp_vacuum.lab.grants import Approval
from mcp_vacuum.lab.jose import Signed, key_of_jwk
from mcp_vacuum.lab.mint import Minter

APPROVAL = Approval("client", "ada", ("a", "b"), "https://mcp.example/mcp")


def test_they_are_signed_by_the_published_key() -> None:
    minter = Minter(lambda: "https://as.example", Faults())
    token = Signed.read(minter.token(APPROVAL, ("a",), 2_000_000_000))
    assert token

    assert token.header["typ"] == "at+jwt"
    assert token.claims["aud"] == "https://mcp.example/mcp"
    assert token.claims["scope"] == "a"
    published = minter.keys()["keys"]
    assert isinstance(published, list)
    key = key_of_jwk(published[0])
    assert key
    assert token.is_by(key)
    assert published[0]["kid"] == token.header["kid"]


def test_the_faults_change_header_and_claims() -> None:
    faults = Faults(jwt_override={"alg": "none", "aud": ABSENT, "iss": "x"})
    token = Signed.read(Minter(lambda: "https://as.example", faults).token(APPROVAL, (), 0))
    assert token

    assert token.header["alg"] == "none"
    assert "aud" not in token.claims
    assert token.claims["iss"] == "x"
