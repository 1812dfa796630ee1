from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.errors import AnswerLost, RegistrationError, SecurityRefused, ServerUnavailable, VacuumError
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.protocol.flows import register
from mcp_vacuum.protocol.registration import client_name, read_registration, registration_request
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import answers, play, requests

ENDPOINT = "https://as.example/register"
CALLBACK = "http://127.0.0.1:4711/callback"


def asked_for(
    redirect_uri: str = CALLBACK, scope: str | None = "a b", method: AuthMethod = "none"
) -> HttpRequest:
    return registration_request(
        ENDPOINT, name="mcp.example", redirect_uris=(redirect_uri,), scope=scope, auth_method=method
    )


def read(answer: HttpResponse, method: AuthMethod = "none") -> ClientCredentials:
    return read_registration(
        answer, issuer="https://as.example", redirect_uris=(CALLBACK,), auth_method=method
    )


def refusal(answer: HttpResponse, method: AuthMethod = "none") -> RegistrationError:
    with pytest.raises(RegistrationError) as caught:
        read(answer, method)
    return caught.value


class TestRequest:
    """RFC 7591 §3.1, with the values that the specification fixed."""

    def test_it_asks_for_little(self) -> None:
        request = asked_for()

        assert (request.method, request.url) == ("POST", ENDPOINT)
        assert ("Content-Type", "application/json") in request.headers
        assert json.loads(request.body or b"") == {
            "client_name": "MCP Vacuum - mcp.example",
            "client_uri": "https://github.com/mcp-vacuum/mcp-vacuum",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "scope": "a b",
        }

    def test_without_a_scope_the_member_is_left_out(self) -> None:
        assert "scope" not in json.loads(asked_for(scope=None).body or b"")

    @pytest.mark.parametrize(
        ("redirect_uri", "kind"),
        [
            ("http://127.0.0.1:1/callback", "native"),
            ("http://localhost/callback", "native"),
            ("http://[::1]:1/callback", "native"),
            ("https://app.example/callback", "web"),
        ],
    )
    def test_the_application_type_follows_from_the_redirect_uri(self, redirect_uri: str, kind: str) -> None:
        assert json.loads(asked_for(redirect_uri).body or b"")["application_type"] == kind

    def test_a_plain_http_endpoint_is_refused(self) -> None:
        with pytest.raises(SecurityRefused, match="registration_endpoint is plain http"):
            registration_request("http://as.example/r", name="n", redirect_uris=(), scope=None)

    def test_the_name_is_the_one_that_the_specification_fixed(self) -> None:
        assert client_name("files") == "MCP Vacuum - files"


class TestSuccess:
    """RFC 7591 §3.2.1."""

    @pytest.mark.parametrize("status", [201, 200])
    def test_what_the_server_left_out_stays_as_asked(self, status: int) -> None:
        assert read(answers(status, client_id="c")) == ClientCredentials(
            client_id="c", issuer="https://as.example", registration="dynamic", redirect_uris=(CALLBACK,)
        )

    def test_what_it_said_counts_but_not_more_redirect_uris(self) -> None:
        client = read(
            answers(
                201,
                client_id="c",
                client_secret="s",
                client_secret_expires_at=1_900_000_000,
                token_endpoint_auth_method="client_secret_post",
                redirect_uris=[CALLBACK, "http://127.0.0.1/other"],
                registration_client_uri="https://as.example/register/c",
                registration_access_token="r",
                scope="a",
            )
        )

        assert client == ClientCredentials(
            client_id="c",
            client_secret=Secret("s"),
            issuer="https://as.example",
            registration="dynamic",
            redirect_uris=(CALLBACK,),
            token_endpoint_auth_method="client_secret_post",
            client_secret_expires_at=1_900_000_000,
            registration_client_uri="https://as.example/register/c",
            registration_access_token=Secret("r"),
            scope="a",
        )

    def test_a_secret_for_a_public_client_is_not_kept(self) -> None:
        assert read(answers(201, client_id="c", client_secret="s")).client_secret is None

    def test_a_secret_that_was_asked_for_is(self) -> None:
        client = read(answers(201, client_id="c", client_secret="s"), "client_secret_basic")

        assert client.client_secret == Secret("s")
        assert client.token_endpoint_auth_method == "client_secret_basic"


class TestAlteredAnswers:
    @pytest.mark.parametrize(
        "uris",
        [[], ["http://127.0.0.1/callback"], [f"{CALLBACK}/"], ["https://evil.example/"], CALLBACK + "x"],
    )
    def test_other_redirect_uris_are_refused(self, uris: Any) -> None:
        assert "other redirect URIs" in refusal(answers(201, client_id="c", redirect_uris=uris)).message

    @pytest.mark.parametrize("method", ["private_key_jwt", "tls_client_auth", "None"])
    def test_a_method_that_cannot_be_performed_is_refused(self, method: str) -> None:
        answer = answers(201, client_id="c", token_endpoint_auth_method=method)

        assert "method that was not asked for" in refusal(answer).message

    def test_a_client_that_was_registered_with_its_key_needs_no_secret(self) -> None:
        client = read(answers(201, client_id="c"), "private_key_jwt")

        assert client.token_endpoint_auth_method == "private_key_jwt"
        assert "no client secret" in refusal(answers(201, client_id="c"), "client_secret_jwt").message

    def test_an_empty_method_is_an_absent_one(self) -> None:
        assert (
            read(answers(201, client_id="c", token_endpoint_auth_method="")).token_endpoint_auth_method
            == "none"
        )

    @pytest.mark.parametrize("secret", [None, ""])
    @pytest.mark.parametrize("answered", [True, False])
    def test_a_method_with_a_secret_and_none_given_is_refused(
        self, secret: str | None, answered: bool
    ) -> None:
        members: dict[str, Any] = {"token_endpoint_auth_method": "client_secret_basic"} if answered else {}
        error = refusal(
            answers(201, client_id="c", client_secret=secret, **members),
            "none" if answered else "client_secret_basic",
        )

        assert error.message.endswith("registered client_secret_basic but gave no client secret")

    def test_an_empty_client_id_is_refused(self) -> None:
        assert "empty client_id" in refusal(answers(201, client_id="")).message

    @pytest.mark.parametrize(
        "answer",
        [
            answers(201, body=b"<html>welcome</html>"),
            answers(201, body=b""),
            answers(200, client_name="no id"),
            answers(201, client_id=5),
            answers(201, client_id="c", redirect_uris=[5]),
            answers(200, error="invalid_client_metadata"),
        ],
    )
    def test_an_answer_that_is_no_registration_is_refused(self, answer: HttpResponse) -> None:
        assert "no registration" in refusal(answer).message


class TestRefusals:
    """RFC 7591 §3.2.2: any answer but success."""

    def test_the_servers_words_are_passed_on(self) -> None:
        error = refusal(answers(400, error="invalid_redirect_uri", error_description="not that one"))

        assert "(invalid_redirect_uri: not that one)" in error.message
        assert "--client-id" in (error.hint or "")
        assert error.exit_status == 7

    @pytest.mark.parametrize("status", [202, 204, 301, 302, 400, 401, 403, 404, 405])
    def test_without_words_the_status_is(self, status: int) -> None:
        assert f"(status {status})" in refusal(answers(status, body=b"<html>")).message

    def test_control_characters_do_not_reach_the_terminal(self) -> None:
        error = refusal(answers(400, error="\x1b[31mred", error_description="a\r\nb\u202e" + "x" * 9_999))

        assert error.message.isprintable()
        assert len(error.message) < 500

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_trouble_is_no_refusal(self, status: int) -> None:
        with pytest.raises(ServerUnavailable, match=str(status)):
            read(answers(status, error="invalid_client_metadata"))

    @given(st.integers(200, 599), st.binary(max_size=40))
    def test_only_the_packages_own_errors_come_out(self, status: int, body: bytes) -> None:
        with pytest.raises(VacuumError):
            read(answers(status, body=body))


class TestFlow:
    def test_one_request_is_sent(self) -> None:
        flow = register(
            ENDPOINT, name="n", redirect_uris=(CALLBACK,), scope=None, issuer="https://as.example"
        )
        asked, client = play(flow, answers(201, client_id="c"))

        assert [request.method for request in requests(asked)] == ["POST"]
        assert client.client_id == "c"

    @pytest.mark.parametrize("failure", [ServerUnavailable("down"), AnswerLost("gone")])
    def test_it_is_not_sent_again(self, failure: ServerUnavailable) -> None:
        flow = register(ENDPOINT, name="n", redirect_uris=(CALLBACK,), scope=None, issuer=None)
        with pytest.raises(ServerUnavailable) as caught:
            play(flow, failure)

        assert caught.value is failure
