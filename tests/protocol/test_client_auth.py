from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.errors import AuthenticationError, SecurityRefused
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.client_auth import (
    METHODS,
    SIGNED_METHODS,
    authenticated_form,
    choose_method,
    performable,
)
from mcp_vacuum.protocol.effects import HttpRequest
from mcp_vacuum.safety.limits import TOKEN_TIMEOUT
from mcp_vacuum.safety.secret import Secret

UNSIGNED = tuple(method for method in METHODS if method not in SIGNED_METHODS)
ENDPOINT = "https://as.example/token"


def client(method: AuthMethod, client_id: str = "c", secret: str | None = "s") -> ClientCredentials:
    return ClientCredentials(
        client_id=client_id,
        client_secret=Secret(secret) if secret else None,
        token_endpoint_auth_method=method,
    )


def form(who: ClientCredentials) -> HttpRequest:
    return authenticated_form(ENDPOINT, "token_endpoint", who, [("grant_type", "g"), ("resource", None)])


def authorization(request: HttpRequest) -> list[str]:
    return [value for name, value in request.headers if name == "Authorization"]


class TestProof:
    """RFC 6749 §2.3: a client MUST NOT use more than one authentication method in each request."""

    def test_a_public_client_names_itself(self) -> None:
        request = form(client("none"))

        assert request.form == {"grant_type": "g", "client_id": "c"}
        assert authorization(request) == []

    def test_post_puts_both_in_the_body_and_nothing_in_a_header(self) -> None:
        request = form(client("client_secret_post"))

        assert request.form == {"grant_type": "g", "client_id": "c", "client_secret": "s"}
        assert authorization(request) == []

    def test_basic_puts_both_in_the_header_and_nothing_in_the_body(self) -> None:
        request = form(client("client_secret_basic"))

        assert request.form == {"grant_type": "g"}
        assert authorization(request) == ["Basic " + b64encode(b"c:s").decode()]

    def test_basic_is_form_encoded_first(self) -> None:
        # RFC 6749 §2.3.1: a colon, a space or a percent sign would be read otherwise.
        request = form(client("client_secret_basic", "id:1 ü", "a%b+c/d:e"))

        assert b64decode(authorization(request)[0][6:]) == b"id%3A1+%C3%BC:a%25b%2Bc%2Fd%3Ae"

    @pytest.mark.parametrize("method", SIGNED_METHODS)
    def test_a_signed_method_leaves_its_proof_to_the_moment_of_sending(self, method: AuthMethod) -> None:
        request = form(client(method))

        assert request.form == {"grant_type": "g"}
        assert authorization(request) == []

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_a_method_that_needs_a_secret_does_not_go_without(self, method: AuthMethod) -> None:
        with pytest.raises(AuthenticationError, match=f"{method} needs a client secret"):
            form(client(method, secret=None))

    @given(st.sampled_from(UNSIGNED), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
    def test_every_id_and_secret_arrives_exactly_once(
        self, method: AuthMethod, client_id: str, secret: str
    ) -> None:
        if any("\ud800" <= char <= "\udfff" for char in client_id + secret):
            return
        request = form(client(method, client_id, secret))
        body = (request.body or b"").decode()

        assert (body.count("client_id="), body.count("client_secret="), len(authorization(request))) == {
            "none": (1, 0, 0),
            "client_secret_post": (1, 1, 0),
            "client_secret_basic": (0, 0, 1),
        }[method]


class TestRequest:
    def test_it_is_a_form_post_under_the_token_timeout(self) -> None:
        request = form(client("none"))

        assert (request.method, request.url, request.timeout) == ("POST", ENDPOINT, TOKEN_TIMEOUT)
        assert ("Content-Type", "application/x-www-form-urlencoded") in request.headers
        assert ("Accept", "application/json") in request.headers

    def test_an_http_endpoint_gets_nothing(self) -> None:
        with pytest.raises(SecurityRefused, match="token_endpoint is plain http"):
            authenticated_form("http://as.example/token", "token_endpoint", client("none"), [])

    def test_http_on_loopback_does(self) -> None:
        assert authenticated_form("http://127.0.0.1:1/token", "token_endpoint", client("none"), [])


@pytest.mark.parametrize(
    ("supported", "has_secret", "chosen"),
    [
        (None, False, "none"),
        ([], False, "none"),
        (["none"], False, "none"),
        (["client_secret_basic", "none"], False, "none"),
        (["client_secret_basic"], False, "client_secret_basic"),
        (["client_secret_post"], False, "client_secret_post"),
        (["client_secret_post", "client_secret_basic"], False, "client_secret_post"),
        (["private_key_jwt"], False, "client_secret_basic"),
        (None, True, "client_secret_basic"),
        ([], True, "client_secret_basic"),
        (["none"], True, "client_secret_basic"),
        (["none", "client_secret_post"], True, "client_secret_post"),
        (["client_secret_basic", "client_secret_post"], True, "client_secret_basic"),
        (["client_secret_post", "client_secret_basic"], True, "client_secret_post"),
        (["private_key_jwt", "client_secret_post"], True, "client_secret_post"),
    ],
)
def test_the_method_follows_from_the_servers_list_and_the_secret(
    supported: list[str] | None, has_secret: bool, chosen: str
) -> None:
    assert choose_method(supported, has_secret=has_secret) == chosen


@pytest.mark.parametrize("method", ["tls_client_auth", "", "NONE"])
def test_other_methods_cannot_be_performed(method: str) -> None:
    assert performable(method) is None
    assert [performable(known) for known in METHODS] == list(METHODS)
