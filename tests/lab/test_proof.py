"""What the lab takes for a proof (RFC 9449 §4.3), and its nonces."""

import time
from typing import Any

import pytest

from mcp_vacuum.lab.messages import Refusal, Request
from mcp_vacuum.lab.proof import OLDEST, Proofs
from mcp_vacuum.protocol.dpop import ProofKey

URL = "http://127.0.0.1:1/token"
KEY = ProofKey.generate()


def request(proof: str | None) -> Request:
    return Request("POST", "/token", {}, {} if proof is None else {"dpop": proof})


def made(**changes: Any) -> str:
    given: dict[str, Any] = {"method": "POST", "url": URL, "iat": int(time.time()), "jti": "j", **changes}
    return KEY.proof(given.pop("method"), given.pop("url"), **given)


def refused(proofs: Proofs, proof: str, access_token: str | None = None) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        proofs.thumbprint(request(proof), URL, access_token)
    return caught.value.status, caught.value.error


@pytest.fixture
def proofs() -> Proofs:
    return Proofs(nonces=False, status=400)


def test_a_good_one_tells_its_key(proofs: Proofs) -> None:
    assert proofs.thumbprint(request(made()), URL) == KEY.thumbprint
    assert proofs.headers == ()


def test_none_is_a_bearer_request(proofs: Proofs) -> None:
    assert proofs.thumbprint(request(None), URL) is None


@pytest.mark.parametrize(
    "changes",
    [{"method": "GET"}, {"url": "http://127.0.0.1:1/other"}, {"iat": int(time.time()) - OLDEST - 5}],
)
def test_one_for_another_request_or_time(proofs: Proofs, changes: dict[str, Any]) -> None:
    assert refused(proofs, made(**changes)) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.AA"])
def test_what_is_no_proof(proofs: Proofs, text: str) -> None:
    assert refused(proofs, text) == (400, "invalid_dpop_proof")


def test_one_that_was_changed(proofs: Proofs) -> None:
    head, body, signature = made().split(".")

    assert refused(proofs, f"{head}.{body}.{'A' * len(signature)}") == (400, "invalid_dpop_proof")


def test_one_that_was_used_before(proofs: Proofs) -> None:
    proof = made()
    proofs.thumbprint(request(proof), URL)

    assert refused(proofs, proof) == (400, "invalid_dpop_proof")


def test_one_for_another_token(proofs: Proofs) -> None:
    assert refused(proofs, made(access_token="a"), "b") == (400, "invalid_dpop_proof")
    assert proofs.thumbprint(request(made(access_token="b", jti="k")), URL, "b") == KEY.thumbprint


def test_nonces() -> None:
    proofs = Proofs(nonces=True, status=401)
    ((name, nonce),) = proofs.headers

    assert name == "DPoP-Nonce"
    assert refused(proofs, made()) == (401, "use_dpop_nonce")
    assert proofs.thumbprint(request(made(nonce=nonce)), URL) == KEY.thumbprint
    proofs.renew_nonce()
    assert refused(proofs, made(nonce=nonce, jti="k")) == (401, "use_dpop_nonce")
