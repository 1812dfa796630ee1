"""Proofs that a token endpoint should not take."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active_proof import bad_proofs
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.protocol.proof import Prover
from tests.audit.planted.active import DPOP
from tests.audit.seen_actively import Honest, seen_of

URL = "https://as.example/token"


def test_each_has_one_thing_wrong() -> None:
    prover = Prover.generate(("ES256",))
    made = {what: Jwt.read(proof) for what, proof in bad_proofs(prover, URL).items() if proof}

    assert len(made) == 6
    assert all(made.values())
    right = {
        what for what, jwt in made.items() if jwt and (jwt.claims["htm"], jwt.claims["htu"]) == ("POST", URL)
    }
    assert set(made) - right == {"a proof for another method", "a proof for another address"}
    ours = {what for what, jwt in made.items() if jwt and jwt.header["jwk"] == prover.key.public_jwk}
    assert set(made) - ours == {"another key's proof"}
    assert len({jwt.claims["jti"] for jwt in made.values() if jwt}) == 6


def test_a_nonce_tells_the_time_too() -> None:
    prover = Prover.generate(("ES256",))
    prover.note(URL, "a-nonce")

    assert "a proof of an hour ago" not in bad_proofs(prover, URL)


def test_an_honest_server_refuses_all_of_them() -> None:
    seen, _ = seen_of(DPOP)
    answers = [each for name, each in seen.seen.items() if name.startswith("proof: ")]

    assert [each.status for each in answers] == [400] * 7
    assert seen.seen["refreshed with proofs"].status == 200


def test_without_bound_tokens_there_is_nothing_to_try(honest: Honest) -> None:
    assert honest[0].why("proofs").startswith("NOT_APPLICABLE")
