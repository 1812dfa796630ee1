"""The end of a registration (RFC 7592), and clients that sign when they revoke."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.errors import AuthenticationError, RegistrationError, SecurityRefused, ServerUnavailable
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.flows import revoke, unregister
from mcp_vacuum.protocol.registration import Deletion, management_request, read_deletion, read_managed
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import answers, play, requests

URI = "https://as.example/register/c"
CLIENT = ClientCredentials(
    client_id="c",
    issuer="https://as.example",
    registration="dynamic",
    redirect_uris=("http://127.0.0.1:1/callback",),
    registration_client_uri=URI,
    registration_access_token=Secret("rat"),
    scope="a",
)


class TestRequest:
    """§2.1, §2.3."""

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_its_token_goes_to_its_address(self, method: Any) -> None:
        request = management_request(CLIENT, method)

        assert request is not None
        assert (request.method, request.url, request.body) == (method, URI, None)
        assert dict(request.headers)["Authorization"] == "Bearer rat"
        assert "rat" not in repr(request).replace("registe", "")

    @pytest.mark.parametrize(
        "changes", [{"registration_client_uri": None}, {"registration_access_token": None}]
    )
    def test_a_server_that_gave_neither(self, changes: dict[str, Any]) -> None:
        without = replace(CLIENT, **changes)

        assert management_request(without, "DELETE") is None
        assert play(unregister(without)) == (
            [],
            Deletion(False, "the server gave no way to delete it (RFC 7592)"),
        )

    @pytest.mark.parametrize("uri", ["http://as.example/register/c", "file:///etc/passwd", "https://u:p@h/"])
    def test_an_address_that_no_token_goes_to(self, uri: str) -> None:
        with pytest.raises(SecurityRefused):
            play(unregister(replace(CLIENT, registration_client_uri=uri)))


class TestDelete:
    @pytest.mark.parametrize(
        ("status", "gone"),
        [
            (204, True),
            (200, True),
            (401, True),
            (404, True),
            (403, False),
            (405, False),
            (500, False),
            (302, False),
        ],
    )
    def test_what_an_answer_means(self, status: int, gone: bool) -> None:
        deletion = read_deletion(answers(status, body=b""))

        assert deletion.gone is gone
        assert (deletion.because is None) == (status in (200, 204))

    def test_the_servers_word_is_said(self) -> None:
        said = read_deletion(answers(403, error="access_denied")).because

        assert said == "the server answered status 403, access_denied"

    def test_one_request(self) -> None:
        asked, deletion = play(unregister(CLIENT), answers(204, body=b""))

        assert [request.method for request in requests(asked)] == ["DELETE"]
        assert deletion == Deletion(True)


class TestRead:
    def test_what_the_server_changed_counts_and_the_rest_stays(self) -> None:
        answer = answers(200, client_id="c", registration_access_token="rat-2", client_secret_expires_at=0)
        read = read_managed(answer, CLIENT)

        assert read.registration_access_token == "rat-2"
        assert (read.registration_client_uri, read.scope) == (URI, "a")
        assert (read.issuer, read.redirect_uris) == (CLIENT.issuer, CLIENT.redirect_uris)

    def test_another_client_is_refused(self) -> None:
        with pytest.raises(RegistrationError, match="another client"):
            read_managed(answers(200, client_id="d"), CLIENT)

    @pytest.mark.parametrize(("status", "error"), [(401, RegistrationError), (503, ServerUnavailable)])
    def test_no_answer_about_it(self, status: int, error: type[Exception]) -> None:
        with pytest.raises(error):
            read_managed(answers(status), CLIENT)


class TestRevoke:
    """RFC 7009 §2.1: a client authenticates as it does at the token endpoint."""

    def test_a_client_with_a_key_signs(self) -> None:
        signing = ClientCredentials(
            client_id="c",
            issuer="https://as.example",
            client_secret=Secret("s" * 32),
            token_endpoint_auth_method="client_secret_jwt",
        )
        flow = revoke("https://as.example/revoke", signing, Secret("r"), "refresh_token")
        asked, refusal = play(flow, answers(200, body=b""))

        assert refusal is None
        assert requests(asked)[0].form.keys() >= {"client_assertion", "client_assertion_type", "token"}

    def test_without_its_key_it_says_so(self) -> None:
        keyless = ClientCredentials(client_id="c", token_endpoint_auth_method="private_key_jwt")
        with pytest.raises(AuthenticationError, match="private key"):
            play(revoke("https://as.example/revoke", keyless, Secret("r"), "refresh_token"))
