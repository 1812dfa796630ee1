"""Fresh assertions, and the server's nonces (RFC 9449 §8)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.errors import AnswerLost, AuthenticationError
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.assertion import unverified_claims
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.dpop import ProofKey
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse
from mcp_vacuum.protocol.proof import Prover, send_to_token_endpoint, token_type
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import answers, play, requests

ENDPOINT = "https://as.example/token"
PUBLIC = ClientCredentials(client_id="c", issuer="https://as.example")
SIGNING = ClientCredentials(
    client_id="c",
    issuer="https://as.example",
    client_secret=Secret("s" * 32),
    token_endpoint_auth_method="client_secret_jwt",
)
GRANTED = answers(200, access_token="t", token_type="DPoP")


def wants_nonce(nonce: str | None = "n1", status: int = 400) -> HttpResponse:
    headers = {"dpop-nonce": nonce} if nonce else {}
    return answers(status, error="use_dpop_nonce", headers=headers)


@pytest.fixture
def prover() -> Prover:
    return Prover(ProofKey.generate())


def sending(prover: Prover | None, client: ClientCredentials = PUBLIC) -> Flow[HttpResponse]:
    form = authenticated_form(ENDPOINT, "token_endpoint", client, [("grant_type", "x")])
    return send_to_token_endpoint(form, client, prover)


def claims(request: HttpRequest) -> dict[str, Any]:
    (proof,) = [value for name, value in request.headers if name == "DPoP"]
    found = unverified_claims(Secret(proof))
    assert found is not None
    return found


def test_a_bearer_request_carries_no_proof_and_its_answer_is_given_as_it_is() -> None:
    asked, answer = play(sending(None), wants_nonce())
    (request,) = requests(asked)

    assert answer.status == 400
    assert "DPoP" not in dict(request.headers)
    assert token_type(None) == "Bearer"


def test_a_proof_is_for_this_request(prover: Prover) -> None:
    asked, answer = play(sending(prover), GRANTED)
    (request,) = requests(asked)

    assert answer == GRANTED
    assert claims(request) == {"jti": "fresh-random-word", "htm": "POST", "htu": ENDPOINT, "iat": 1000}
    assert token_type(prover) == "DPoP"


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_that_is_asked_for_is_sent_and_kept(prover: Prover, status: int) -> None:
    asked, answer = play(sending(prover), wants_nonce("n1", status), GRANTED)
    first, second = requests(asked)

    assert answer == GRANTED
    assert "nonce" not in claims(first)
    assert claims(second)["nonce"] == "n1"
    assert second.body == first.body
    assert claims(requests(play(sending(prover), GRANTED)[0])[0])["nonce"] == "n1"


def test_a_nonce_that_comes_with_a_good_answer_is_kept_too(prover: Prover) -> None:
    """§8.2."""
    play(
        sending(prover),
        answers(200, access_token="t", token_type="DPoP", headers={"dpop-nonce": "next"}),
    )

    assert prover.nonces == {"https://as.example": "next"}


def test_nonces_of_one_server_are_not_shown_to_another(prover: Prover) -> None:
    prover.note("https://mcp.example/mcp", "of the resource")
    asked, _ = play(sending(prover), GRANTED)

    assert "nonce" not in claims(requests(asked)[0])


class TestNonceLoop:
    """It ends, with an error that names the section."""

    def ended(self, flow: Flow[HttpResponse], *replies: HttpResponse) -> AuthenticationError:
        with pytest.raises(AuthenticationError) as caught:
            play(flow, *replies)
        return caught.value

    def test_a_new_one_each_time(self, prover: Prover) -> None:
        error = self.ended(sending(prover), wants_nonce("n1"), wants_nonce("n2"))

        assert (error.spec, error.url) == ("RFC 9449 §8", ENDPOINT)

    def test_the_same_one_again(self, prover: Prover) -> None:
        prover.note(ENDPOINT, "n1")

        assert self.ended(sending(prover), wants_nonce("n1")).spec == "RFC 9449 §8"

    def test_none_at_all(self, prover: Prover) -> None:
        assert self.ended(sending(prover), wants_nonce(None)).spec == "RFC 9449 §8"


def test_each_request_has_an_assertion_of_its_own(prover: Prover) -> None:
    asked, _ = play(sending(prover, SIGNING), wants_nonce("n1"), GRANTED)
    for request in requests(asked):
        form = request.form
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert "client_secret" not in form
        assert (request.body or b"").count(b"client_assertion=") == 1


def test_a_lost_answer_is_raised_and_nothing_is_sent_again(prover: Prover) -> None:
    with pytest.raises(AnswerLost):
        play(sending(prover), AnswerLost("lost"))
