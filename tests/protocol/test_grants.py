"""Grants without a person: one request, no retry, no other grant after an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.errors import AuthenticationError, OAuthError, ServerUnavailable, VacuumError
from mcp_vacuum.models import Binding, ClientCredentials
from mcp_vacuum.protocol import grants
from mcp_vacuum.protocol.dpop import ProofKey
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.token import Granted
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import AT, answers, play, requests

ISSUER = "https://as.example"
RESOURCE = "https://mcp.example/mcp"
BINDING = Binding(f"{ISSUER}/token", "c", ISSUER, RESOURCE)
CLIENT = ClientCredentials(client_id="c", issuer=ISSUER)
GRANTED = answers(200, access_token="t", token_type="Bearer", expires_in=60)
Start = Callable[[], Flow[Granted]]

FLOWS: dict[str, Start] = {
    "client_credentials": lambda: grants.client_credentials(BINDING, CLIENT, scope="a b"),
    "jwt_bearer": lambda: grants.jwt_bearer(BINDING, CLIENT, Secret("assertion"), scope="a b"),
    "token_exchange": lambda: grants.token_exchange(BINDING, CLIENT, Secret("subject"), scope="a b"),
}
FORMS: dict[str, dict[str, str]] = {
    "client_credentials": {"grant_type": "client_credentials"},
    "jwt_bearer": {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": "assertion",
    },
    "token_exchange": {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "subject",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    },
}


@pytest.fixture(params=FLOWS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def sent(flow: Flow[Any], *replies: HttpResponse) -> HttpRequest:
    (request,) = requests(play(flow, *replies)[0])
    return request


def ended(flow: Flow[Any], *replies: Any) -> VacuumError:
    with pytest.raises(VacuumError) as caught:
        play(flow, *replies)
    return caught.value


class TestRequest:
    def test_it_says_the_grant_the_scope_and_the_resource(self, kind: str) -> None:
        request = sent(FLOWS[kind](), GRANTED)

        assert request.url == BINDING.token_endpoint
        assert request.form == {**FORMS[kind], "scope": "a b", "resource": RESOURCE, "client_id": "c"}

    def test_what_is_not_wanted_is_left_out(self) -> None:
        binding = replace(BINDING, resource=None)
        form = sent(grants.client_credentials(binding, CLIENT, scope=None), GRANTED).form

        assert form == {"grant_type": "client_credentials", "client_id": "c"}

    def test_an_exchange_may_name_an_audience_and_the_type_of_its_token(self) -> None:
        flow = grants.token_exchange(
            BINDING, CLIENT, Secret("s"), subject_token_type=grants.ID_TOKEN, audience="them", scope=None
        )
        form = sent(flow, GRANTED).form

        assert (form["audience"], form["subject_token_type"]) == ("them", grants.ID_TOKEN)

    def test_an_assertion_is_the_clients_only_when_it_has_none_of_its_own(self) -> None:
        """Workload identity: the assertion is enough, and `client_id` stays empty."""
        anonymous = ClientCredentials(client_id="", issuer=ISSUER, registration="none")
        form = sent(grants.jwt_bearer(BINDING, anonymous, Secret("a"), scope=None), GRANTED).form

        assert "client_id" not in form

    def test_the_token_is_dated_and_typed(self, kind: str) -> None:
        _, granted = play(FLOWS[kind](), GRANTED)

        assert (granted.token.access_token, granted.token.token_type) == ("t", "Bearer")
        assert granted.token.created_at == AT

    def test_a_bound_token_is_asked_for_with_a_proof(self) -> None:
        prover = Prover(ProofKey.generate())
        flow = grants.client_credentials(BINDING, CLIENT, scope=None, prover=prover)
        asked, granted = play(flow, answers(200, access_token="t", token_type="DPoP"))

        assert "DPoP" in dict(requests(asked)[0].headers)
        assert granted.token.token_type == "DPoP"

    def test_a_bearer_token_for_a_proof_is_refused(self) -> None:
        """RFC 9449 §5: a silent loss of the binding."""
        prover = Prover(ProofKey.generate())
        error = ended(grants.client_credentials(BINDING, CLIENT, scope=None, prover=prover), GRANTED)

        assert "not DPoP" in error.message


class TestRefused:
    """`play` gives one answer: a second request would fail the test."""

    @pytest.mark.parametrize(
        ("error", "spec"),
        [
            ("unsupported_grant_type", "RFC 6749 §5.2"),
            ("unauthorized_client", "RFC 6749 §5.2"),
            ("invalid_grant", "RFC 6749 §5.2"),
            ("invalid_scope", "RFC 6749 §5.2"),
            ("invalid_target", "RFC 8707 §2"),
            ("invalid_dpop_proof", "RFC 9449 §5"),
        ],
    )
    def test_the_servers_word_is_final(self, kind: str, error: str, spec: str) -> None:
        refusal = ended(FLOWS[kind](), answers(400, error=error))

        assert isinstance(refusal, OAuthError)
        assert (refusal.error, refusal.spec) == (error, spec)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_trouble_is_not_tried_again(self, kind: str, status: int) -> None:
        assert isinstance(ended(FLOWS[kind](), answers(status)), ServerUnavailable)

    def test_no_connection_is_not_tried_again(self, kind: str) -> None:
        assert isinstance(ended(FLOWS[kind](), ServerUnavailable("down")), ServerUnavailable)

    def test_a_page_is_no_token(self, kind: str) -> None:
        assert type(ended(FLOWS[kind](), answers(200, body=b"<html>"))) is AuthenticationError

    @pytest.mark.parametrize("shown", ["assertion", "subject"])
    def test_no_error_shows_what_was_sent(self, kind: str, shown: str) -> None:
        error = ended(FLOWS[kind](), answers(400, error="invalid_grant", error_description="no"))

        assert shown not in f"{error!r}{error.hint}"


class TestClock:
    """A clock that is off by minutes is what a server's `Date` can tell."""

    @pytest.mark.parametrize(
        ("date", "hint"),
        [
            ("Thu, 01 Jan 1970 00:06:40 GMT", "set the clock: this machine is 10 min ahead of the server"),
            ("Thu, 01 Jan 1970 00:21:40 GMT", "set the clock: this machine is 5 min behind the server"),
            ("Thu, 01 Jan 1970 00:16:10 -0000", None),
            ("soon", None),
            ("", None),
            ("Thu, 99 Jan 99999 00:00:00 GMT", None),
        ],
    )
    def test_it_is_said_where_a_signature_was_refused(self, kind: str, date: str, hint: str | None) -> None:
        error = ended(FLOWS[kind](), answers(400, error="invalid_grant", headers={"date": date}))

        assert (error.hint or "").partition(" (")[0] == (hint or "")

    def test_it_is_not_said_of_an_error_that_no_clock_causes(self, kind: str) -> None:
        headers = {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}

        assert ended(FLOWS[kind](), answers(400, error="invalid_scope", headers=headers)).hint is None


IDP = "https://idp.example/token"
IDP_CLIENT = ClientCredentials(
    client_id="at-idp", client_secret=Secret("s"), token_endpoint_auth_method="client_secret_basic"
)
ID_JAG_ANSWER: dict[str, Any] = {
    "access_token": "the-id-jag",
    "issued_token_type": grants.ID_JAG,
    "token_type": "N_A",
    "expires_in": 300,
}


def id_jag(**changes: Any) -> HttpResponse:
    return answers(200, **{**ID_JAG_ANSWER, **changes})


def leg_one() -> Flow[Secret]:
    return grants.identity_assertion(
        IDP, IDP_CLIENT, Secret("id-token"), audience=ISSUER, resource=RESOURCE, scope="a"
    )


class TestIdentityAssertion:
    """ID-JAG §4.3."""

    def test_it_is_asked_for_at_the_identity_provider_for_the_other_issuer(self) -> None:
        asked, answer = play(leg_one(), id_jag())
        (request,) = requests(asked)

        assert answer == "the-id-jag"
        assert request.url == IDP
        assert request.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            "audience": ISSUER,
            "resource": RESOURCE,
            "scope": "a",
            "subject_token": "id-token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"issued_token_type": grants.ACCESS_TOKEN},
            {"issued_token_type": None},
            {"token_type": "Bearer"},
        ],
    )
    def test_a_token_of_another_type_is_refused(self, changes: dict[str, Any]) -> None:
        error = ended(leg_one(), id_jag(**changes))

        assert error.spec == "ID-JAG §4.3.3"

    @pytest.mark.parametrize("changes", [{"access_token": ""}, {"access_token": None}])
    def test_an_answer_without_a_token(self, changes: dict[str, Any]) -> None:
        error = ended(leg_one(), id_jag(**changes))

        assert error.spec == "ID-JAG §4.3"

    def test_a_refusal_of_the_identity_provider_is_final(self) -> None:
        error = ended(leg_one(), answers(400, error="access_denied"))

        assert isinstance(error, OAuthError)
        assert error.error == "access_denied"

    def test_a_page_of_the_identity_provider(self) -> None:
        assert ended(leg_one(), answers(200, body=b"<html>")).spec == "ID-JAG §4.3"
