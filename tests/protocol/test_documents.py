from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.protocol.documents import (
    AuthorizationServerMetadata,
    Document,
    ErrorResponse,
    ProtectedResourceMetadata,
    RegistrationResponse,
    TokenResponse,
    read_document,
    read_error,
)
from mcp_vacuum.protocol.effects import HeaderList, HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import EndpointUrl

MODELS: list[type[Document]] = [
    AuthorizationServerMetadata,
    ErrorResponse,
    ProtectedResourceMetadata,
    RegistrationResponse,
    TokenResponse,
]
MEMBERS = sorted({name for model in MODELS for name in model.model_fields})
members = st.dictionaries(
    st.sampled_from(MEMBERS) | st.text(max_size=5),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.none() | st.text(max_size=3) | st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


def token(**members: Any) -> bytes:
    return json.dumps({"access_token": "t", "token_type": "Bearer", **members}).encode()


@pytest.mark.parametrize("model", MODELS)
@given(body=members.map(json.dumps).map(str.encode) | st.binary(max_size=50))
def test_whatever_comes_is_this_document_or_none(model: type[Document], body: bytes) -> None:
    try:
        said = repr(type(read_document(model, body)))
    except NotADocument as why:
        said = str(why)
    assert said.isprintable()


class TestMembers:
    def test_unknown_ones_are_ignored_and_null_is_absent(self) -> None:
        document = read_document(TokenResponse, token(scope=None, id_token="x", made_up=[1]))

        assert document.scope is None

    def test_a_required_one_that_is_null_is_missing(self) -> None:
        with pytest.raises(NotADocument, match="access_token: Field required"):
            read_document(TokenResponse, token(access_token=None))

    def test_the_error_names_the_member_and_never_its_value(self) -> None:
        with pytest.raises(NotADocument) as caught:
            read_document(TokenResponse, token(refresh_token={"deep": "s3cr3t"}))

        assert "refresh_token" in str(caught.value)
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize(
        ("given", "read"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ()), (None, None)]
    )
    def test_a_list_of_words_may_be_a_single_one(self, given: Any, read: tuple[str, ...] | None) -> None:
        body = json.dumps({"resource": "r", "scopes_supported": given}).encode()

        assert read_document(ProtectedResourceMetadata, body).scopes_supported == read

    @pytest.mark.parametrize("given", [[1], {"a": 1}, 5, [["a"]], [None]])
    def test_what_is_no_list_of_words_is_no_document(self, given: Any) -> None:
        with pytest.raises(NotADocument, match="scopes_supported"):
            read_document(
                ProtectedResourceMetadata, json.dumps({"resource": "r", "scopes_supported": given}).encode()
            )

    @pytest.mark.parametrize(
        ("given", "read"), [(60, 60), ("60", 60), (60.0, 60), (0, 0), (-5, -5), (None, None)]
    )
    def test_a_lifetime_may_be_a_digit_string(self, given: Any, read: int | None) -> None:
        assert read_document(TokenResponse, token(expires_in=given)).expires_in == read

    @pytest.mark.parametrize("given", ["soon", "", [], {}, 1e308 * 10])
    def test_other_lifetimes_are_none(self, given: Any) -> None:
        with pytest.raises(NotADocument):
            read_document(TokenResponse, token(expires_in=given))

    @pytest.mark.parametrize(
        "url", ["https://as.example", "https://as.example/", "HTTPS://As.Example:443/%7e"]
    )
    def test_a_url_stays_the_string_that_came(self, url: str) -> None:
        body = json.dumps({"issuer": url, "token_endpoint": url}).encode()
        document = read_document(AuthorizationServerMetadata, body)

        assert (document.issuer, document.token_endpoint) == (url, url)


def said(body: bytes, request: HttpRequest | None = None) -> HttpResponse:
    return HttpResponse("https://as.example/token", 400, (), body, 0.0, request=request)


class TestErrors:
    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"{}", b'{"error": null}', b'{"error": {"code": 1}}', b"[]"]
    )
    def test_what_is_no_error_document_is_none(self, body: bytes) -> None:
        assert read_error(said(body)) is None

    def test_an_error_document_is_read(self) -> None:
        error = read_error(said(b'{"error": "invalid_grant", "error_description": "no", "error_uri": "x"}'))

        assert error == ErrorResponse(error="invalid_grant", error_description="no")

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"grant_type=refresh_token&refresh_token=s3cret%2Bvalue", ()),
            (b"code=s3cret%2Bvalue&code_verifier=other", ()),
            (b"client_id=c&client_secret=s3cret%2Bvalue", ()),
            (None, (("Authorization", "Bearer s3cret+value"),)),
            (None, (("Authorization", "Basic Yzpz" + "M2NyZXQlMkJ2YWx1ZQ=="),)),
        ],
    )
    def test_what_was_sent_is_hidden(self, body: bytes | None, headers: HeaderList) -> None:
        request = HttpRequest("POST", EndpointUrl("https://as.example/token"), headers, body)
        words = b'{"error": "x_s3cret+value", "error_description": "no: s3cret\\u002bvalue!"}'
        error = read_error(said(words, request))

        assert error == ErrorResponse(error="x_***", error_description="no: ***!")
