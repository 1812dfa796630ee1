from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.errors import LoginDeclined, OAuthError, SecurityRefused, VacuumError
from mcp_vacuum.protocol.authorization import (
    AuthorizationRequest,
    acceptor,
    authorization_request,
    validate_callback,
)
from mcp_vacuum.safety.secret import Secret

ISSUER = "https://as.example"
CALLBACK = "http://127.0.0.1:4711/callback"
STATE = "the-state"
# RFC 7636, appendix B
VERIFIER, CHALLENGE = (
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)


def request(
    issuer: str | None = ISSUER, *, promised: bool = False, callback: str = CALLBACK
) -> AuthorizationRequest:
    return authorization_request(
        "https://as.example/authorize",
        client_id="c",
        redirect_uri=callback,
        state=Secret(STATE),
        verifier=Secret(VERIFIER),
        issuer=issuer,
        iss_required=promised,
        scope="a b",
        resource="https://mcp.example/mcp",
    )


def answer(*, callback: str = CALLBACK, **parameters: str) -> str:
    return f"{callback}?{urlencode({'state': STATE, **parameters})}"


def refusal(pending: AuthorizationRequest, url: str) -> SecurityRefused:
    with pytest.raises(SecurityRefused) as caught:
        validate_callback(pending, url)
    assert STATE not in str(caught.value)
    return caught.value


class TestRequest:
    """OAuth 2.1 §4.1.1, RFC 7636 §4.3, RFC 8707 §2."""

    def test_the_url_carries_exactly_these_parameters(self) -> None:
        parts = urlsplit(request().url)

        assert (parts.scheme, parts.netloc, parts.path) == ("https", "as.example", "/authorize")
        assert parse_qsl(parts.query) == [
            ("response_type", "code"),
            ("client_id", "c"),
            ("redirect_uri", CALLBACK),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", "a b"),
            ("resource", "https://mcp.example/mcp"),
        ]

    def test_scope_and_resource_are_left_out_where_there_are_none(self) -> None:
        pending = authorization_request(
            "https://as.example/authorize",
            client_id="c",
            redirect_uri=CALLBACK,
            state=Secret(STATE),
            verifier=Secret(VERIFIER),
        )

        assert {"scope", "resource"}.isdisjoint(dict(parse_qsl(urlsplit(pending.url).query)))

    def test_the_verifier_is_not_in_it(self) -> None:
        assert VERIFIER not in request().url

    def test_its_repr_shows_neither_state_nor_verifier(self) -> None:
        assert STATE not in repr(request())
        assert VERIFIER not in repr(request())

    def test_a_plain_http_endpoint_is_refused(self) -> None:
        with pytest.raises(SecurityRefused, match="authorization_endpoint is plain http"):
            authorization_request(
                "http://as.example/authorize",
                client_id="c",
                redirect_uri=CALLBACK,
                state=Secret(STATE),
                verifier=Secret(VERIFIER),
            )


class TestAcceptor:
    @pytest.mark.parametrize(
        ("url", "ours"),
        [
            (answer(code="x"), True),
            (answer(error="access_denied"), True),
            (answer(code="x", state="another"), False),
            (answer(code="x", state=""), False),
            (answer(code="x", state=STATE.upper()), False),
            (f"{CALLBACK}?code=x", False),
            (CALLBACK, False),
            ("", False),
            (answer(code="x") + "&state=another", False),
            (answer(code="x") + f"&state={STATE}", True),
            (answer(callback="http://127.0.0.1:4711/other", code="x"), False),
            (answer(callback="http://127.0.0.1:4712/callback", code="x"), False),
            (answer(callback="http://localhost:4711/callback", code="x"), False),
            (answer(callback="https://127.0.0.1:4711/callback", code="x"), False),
            (answer(callback=f"{CALLBACK}/", code="x"), False),
            (f"{CALLBACK}#state={STATE}&code=x", False),
            (answer(code="x") + "#fragment", True),
            (f"{CALLBACK}?x={quote('&state=' + STATE)}", False),
            (f"{CALLBACK}?" + "a=1&" * 60 + f"state={STATE}", False),
        ],
    )
    def test_it_takes_the_redirect_uri_and_the_state_of_this_request(self, url: str, ours: bool) -> None:
        assert acceptor(request())(url) is ours

    @given(st.text() | st.text("http:/127.0.0.1?&=[]%#state", max_size=40).map(CALLBACK.__add__))
    @example("http://[")
    @example(f"{CALLBACK}?state=\ud800")
    def test_garbage_is_only_not_ours(self, url: str) -> None:
        assert acceptor(request())(url) is False


class TestIss:
    """RFC 9207 §2.4: advertised or not, times sent or not."""

    @pytest.mark.parametrize(
        ("promised", "iss", "good"),
        [
            (True, ISSUER, True),
            (True, None, False),
            (False, ISSUER, True),
            (False, None, True),
            (True, "https://evil.example", False),
            (False, "https://evil.example", False),
            (False, f"{ISSUER}/", False),
            (False, ISSUER.upper(), False),
            (False, "", False),
            (True, "", False),
        ],
    )
    @pytest.mark.parametrize("kind", ["success", "error", "declined"])
    def test_the_rows(self, promised: bool, iss: str | None, good: bool, kind: str) -> None:
        members = {
            "success": {"code": "x"},
            "error": {"error": "server_error"},
            "declined": {"error": "access_denied"},
        }[kind]
        url = answer(**members, **({} if iss is None else {"iss": iss}))
        outcome: Callable[[], object] = lambda: validate_callback(request(promised=promised), url)  # noqa: E731
        if not good:
            with pytest.raises(SecurityRefused) as caught:
                outcome()
            assert caught.value.spec == "RFC 9207 §2.4"
        elif kind == "success":
            assert outcome() == Secret("x")
        else:
            with pytest.raises(OAuthError if kind == "error" else LoginDeclined):
                outcome()

    def test_a_caller_that_knows_no_issuer_checks_none(self) -> None:
        assert validate_callback(request(None), answer(code="x", iss="https://any.example")) == Secret("x")


class TestAnswers:
    """OAuth 2.1 §4.1.2."""

    def test_a_good_answer_gives_its_code(self) -> None:
        assert validate_callback(request(), answer(code="a+b/c=")) == Secret("a+b/c=")

    @pytest.mark.parametrize(
        "url", [f"{CALLBACK}?code=x", answer(code="x", state="another"), answer(code="x", state="")]
    )
    def test_a_missing_or_wrong_state_is_refused(self, url: str) -> None:
        assert refusal(request(), url).spec == "RFC 6749 §10.12"

    @pytest.mark.parametrize("name", ["code", "state", "iss", "error", "error_description", "error_uri"])
    @pytest.mark.parametrize("value", ["same", "another"])
    def test_a_doubled_parameter_is_refused(self, name: str, value: str) -> None:
        first = {"code": "x", "iss": ISSUER, "state": STATE, name: STATE if name == "state" else "same"}
        again = first[name] if value == "same" else "another"
        error = refusal(request(), f"{CALLBACK}?{urlencode(first)}&{name}={again}")

        assert error.message == f"the authorization response repeats {name}"

    def test_an_unknown_parameter_may_come_twice(self) -> None:
        assert validate_callback(request(), answer(code="x") + "&session_state=1&session_state=2")

    @pytest.mark.parametrize(
        "members", [{}, {"code": ""}, {"code": "a\nb"}, {"code": "é"}, {"code": "a\x00"}]
    )
    def test_an_answer_without_a_usable_code_is_refused(self, members: dict[str, str]) -> None:
        assert "no code" in refusal(request(), answer(**members)).message

    def test_an_error_is_believed_over_a_code(self) -> None:
        with pytest.raises(OAuthError):
            validate_callback(request(), answer(code="x", error="server_error"))

    def test_state_is_checked_before_an_error_is_believed(self) -> None:
        refusal(request(), f"{CALLBACK}?error=access_denied")

    def test_access_denied_is_the_persons_no(self) -> None:
        with pytest.raises(LoginDeclined) as caught:
            validate_callback(request(), answer(error="access_denied"))

        assert caught.value.exit_status == 3

    def test_another_error_is_the_servers_no(self) -> None:
        with pytest.raises(OAuthError) as caught:
            validate_callback(request(), answer(error="invalid_scope", error_description="not that"))

        assert caught.value.message == "the authorization server answered invalid_scope: not that"
        assert caught.value.error == "invalid_scope"

    def test_its_words_are_made_printable_and_short(self) -> None:
        with pytest.raises(OAuthError) as caught:
            validate_callback(
                request(), answer(error="\x1b[2J" + "e" * 999, error_description="\r\n" + "d" * 999)
            )

        assert caught.value.message.isprintable()
        assert caught.value.error.isprintable()
        assert len(caught.value.message) < 500

    @given(
        st.text()
        | st.lists(
            st.tuples(
                st.sampled_from(["code", "state", "iss", "error", "error_description", "x"]),
                st.sampled_from([STATE, ISSUER, "", "x"]) | st.text(max_size=5),
            ),
            max_size=6,
        ).map(lambda pairs: f"{CALLBACK}?" + "&".join(f"{name}={value}" for name, value in pairs)),
        st.booleans(),
    )
    @example(f"{CALLBACK}?state={STATE}&code=\ud800", False)
    def test_a_foreign_url_gives_a_sendable_code_or_one_of_our_errors(self, url: str, promised: bool) -> None:
        try:
            code = validate_callback(request(promised=promised), url)
        except VacuumError as error:
            said = error.message
        else:
            said = ""
            assert f"state={STATE}" in url
            assert urlencode({"code": code.reveal()})
        assert said.isprintable()
