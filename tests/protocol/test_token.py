from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.errors import AuthenticationError, OAuthError, ServerUnavailable, VacuumError
from mcp_vacuum.models import Binding, ClientCredentials, OAuth2Token
from mcp_vacuum.protocol.effects import HttpResponse
from mcp_vacuum.protocol.token import (
    Granted,
    Refused,
    TryLater,
    Unusable,
    as_error,
    keep_what_was_left_out,
    read_token_answer,
    refresh_request,
)
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import AT, answers

BINDING = Binding("https://as.example/token", "c", "https://as.example", "https://mcp.example/mcp")


def granted(**members: Any) -> Granted:
    answer = read_token_answer(answers(200, **{"access_token": "t", "token_type": "Bearer", **members}))
    assert isinstance(answer, Granted), answer
    return answer


def unusable(answer: HttpResponse) -> str:
    read = read_token_answer(answer)
    assert isinstance(read, Unusable), read
    return read.what


class TestGranted:
    """RFC 6749 §5.1."""

    def test_everything_in_it_is_kept(self) -> None:
        answer = answers(
            200, access_token="t", token_type="Bearer", expires_in=60, refresh_token="r", scope="a b"
        )
        read = read_token_answer(answer, binding=BINDING)

        assert read == Granted(OAuth2Token("t", "Bearer", 60, "r", "a b", AT), lifetime_is_a_guess=False)
        assert isinstance(read, Granted)
        assert read.token.binding == BINDING

    @pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
    def test_the_type_is_compared_without_case(self, kind: str) -> None:
        assert granted(token_type=kind).token.token_type == "Bearer"

    @pytest.mark.parametrize(
        ("expires_in", "lifetime", "dated", "guessed"),
        [
            (60, 60, AT, False),
            ("60", 60, AT, False),
            (None, 3600, AT, True),
            (0, 1, AT - 1, False),
            (-5, 1, AT - 1, False),
            ("0", 1, AT - 1, False),
            (-(10**400), 1, AT - 1, False),
            (10**400, 2**31 - 1, AT, False),
        ],
    )
    def test_the_lifetime(self, expires_in: Any, lifetime: int, dated: float, guessed: bool) -> None:
        answer = granted(expires_in=expires_in)

        assert (answer.token.expires_in, answer.token.created_at) == (lifetime, dated)
        assert answer.lifetime_is_a_guess is guessed

    def test_a_lifetime_of_nothing_has_just_ended(self) -> None:
        token = granted(expires_in=0).token

        assert token.expires_at == AT
        assert token.expires_within(1e-6, now=AT)

    def test_an_empty_refresh_token_is_none(self) -> None:
        assert granted(refresh_token="").token.refresh_token is None

    def test_a_200_with_a_token_and_an_error_is_a_token(self) -> None:
        assert granted(error="").token.access_token == "t"
        assert granted(error="warning").token.access_token == "t"


class TestUnusable:
    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (answers(200, body=b"<html>"), "not JSON"),
            (answers(200, body=b""), "not JSON"),
            (answers(200, body=b"access_token=t&token_type=bearer"), "not JSON"),
            (answers(200, body=b'{"access_token": "t", "access_token": "u"}'), "a key appears twice"),
            (answers(200), "access_token: Field required"),
            (answers(200, access_token="t"), "token_type: Field required"),
            (answers(200, access_token="t", token_type="mac"), "type 'mac', not Bearer"),
            (answers(200, access_token="t", token_type="DPoP"), "type 'DPoP', not Bearer"),
            (answers(200, access_token="t", token_type="\x1b"), "type '\N{REPLACEMENT CHARACTER}'"),
            (answers(200, access_token="", token_type="Bearer"), "no header can carry"),
            (answers(200, access_token="a\r\nX: y", token_type="Bearer"), "no header can carry"),
            (answers(200, access_token="a\x00", token_type="Bearer"), "no header can carry"),
            (answers(200, access_token="é", token_type="Bearer"), "no header can carry"),
            (answers(200, access_token="\ud800", token_type="Bearer"), "not JSON"),
            (answers(200, access_token="t", token_type="Bearer", refresh_token="\ud800"), "not JSON"),
            (answers(200, access_token="t", token_type="Bearer", expires_in="soon"), "expires_in"),
            (answers(201, access_token="t", token_type="Bearer"), "status 201"),
            (answers(204, body=b""), "status 204"),
            (answers(302, headers={"location": "https://x.example"}, body=b""), "status 302"),
            (answers(400, body=b"<html>"), "status 400"),
            (answers(401), "status 401"),
            (answers(404, body=b"<html>"), "status 404"),
            (answers(405), "status 405"),
        ],
    )
    def test_neither_a_token_nor_an_error(self, answer: HttpResponse, why: str) -> None:
        assert why in unusable(answer)

    def test_no_secret_of_the_answer_is_in_the_reason(self) -> None:
        body = b'{"access_token": "s3cr3t", "token_type": "Bearer", "refresh_token": ["s3cr3t"]}'

        assert "s3cr3t" not in unusable(answers(200, body=body))


class TestRefused:
    """RFC 6749 §5.2: the JSON member `error` counts, whatever 4xx carried it."""

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 200])
    def test_the_error_decides(self, status: int) -> None:
        answer = read_token_answer(answers(status, error="invalid_grant", error_description="gone"))

        assert answer == Refused("invalid_grant", "gone", "https://canned.example/")

    def test_a_400_with_a_token_and_an_error_is_an_error(self) -> None:
        answer = read_token_answer(answers(400, error="e", access_token="t", token_type="Bearer"))

        assert isinstance(answer, Refused)

    def test_its_words_are_made_printable_and_short(self) -> None:
        answer = read_token_answer(answers(400, error="\x1b" + "e" * 999, error_description="\n" + "d" * 999))

        assert isinstance(answer, Refused)
        assert answer.error.isprintable()
        assert answer.description.isprintable()
        assert len(answer.error + answer.description) < 400


class TestTryLater:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
    def test_trouble_is_trouble_whatever_the_body_says(self, status: int) -> None:
        answer = read_token_answer(answers(status, error="invalid_grant"))

        assert answer == TryLater(status, None, "https://canned.example/")

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("0", 0.0),
            ("7", 7.0),
            (" 7 ", 7.0),
            ("999999", 999_999.0),
            ("1000000", None),
            ("-1", None),
            ("1.5", None),
            ("1e3", None),
            ("", None),
            ("soon", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("\xb2", None),
        ],
    )
    def test_retry_after_in_seconds_is_read(self, header: str, seconds: float | None) -> None:
        answer = read_token_answer(answers(503, headers={"retry-after": header}))

        assert isinstance(answer, TryLater)
        assert answer.retry_after == seconds


@given(
    st.integers(200, 599),
    st.binary(max_size=60),
    st.text(st.characters(max_codepoint=255), max_size=8),
)
@example(503, b"", "\xb9")
def test_nothing_that_a_server_says_raises(status: int, body: bytes, retry_after: str) -> None:
    answer = read_token_answer(answers(status, body=body, headers={"retry-after": retry_after}))

    assert isinstance(answer, Refused | Unusable | TryLater)
    assert isinstance(as_error(answer), VacuumError)


class TestAsError:
    def test_a_refusal_is_an_oauth_error(self) -> None:
        error = as_error(Refused("invalid_grant", "gone", "https://as.example/token"))

        assert isinstance(error, OAuthError)
        assert (error.error, error.message) == (
            "invalid_grant",
            "the token endpoint answered invalid_grant: gone",
        )

    def test_trouble_says_when_to_come_back(self) -> None:
        assert as_error(TryLater(503, 7.0, "u")).hint == "try again in 7 s"
        assert as_error(TryLater(503, None, "u")).hint == "try again later"
        assert isinstance(as_error(TryLater(503, None, "u")), ServerUnavailable)

    def test_something_else_is_an_authentication_error(self) -> None:
        error = as_error(Unusable("status 404 without an OAuth error", "u"))

        assert type(error) is AuthenticationError
        assert error.message == "the token endpoint gave status 404 without an OAuth error"


class TestKeepWhatWasLeftOut:
    """RFC 6749 §6."""

    @pytest.mark.parametrize(
        ("new", "old", "kept"),
        [(None, "old", "old"), ("new", "old", "new"), ("new", None, "new"), (None, None, None)],
    )
    def test_the_old_one_stays_where_there_is_no_new_one(
        self, new: str | None, old: str | None, kept: str | None
    ) -> None:
        token = keep_what_was_left_out(
            OAuth2Token("t", refresh_token=new, scope=new),
            refresh_token=Secret(old) if old else None,
            scope=old,
        )

        assert (token.refresh_token, token.scope) == (kept, kept)


class TestRefreshRequest:
    """OAuth 2.1 §4.3."""

    def test_it_goes_to_the_bound_endpoint_with_the_bound_resource_and_no_scope(self) -> None:
        client = ClientCredentials(client_id="c", scope="a b")
        request = refresh_request(client, BINDING, Secret("r"))

        assert request.url == BINDING.token_endpoint
        assert request.form == {
            "grant_type": "refresh_token",
            "refresh_token": "r",
            "resource": "https://mcp.example/mcp",
            "client_id": "c",
        }
