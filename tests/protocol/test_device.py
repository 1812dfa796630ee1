"""The device grant (RFC 8628), minute by minute: pauses are only noted."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.errors import (
    AuthenticationError,
    LoginDeclined,
    OAuthError,
    SecurityRefused,
    ServerUnavailable,
    VacuumError,
)
from mcp_vacuum.models import Binding, ClientCredentials
from mcp_vacuum.protocol.device import device_login
from mcp_vacuum.protocol.dpop import ProofKey
from mcp_vacuum.protocol.effects import Effect, Flow, HttpResponse, ShowCode, Sleep
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.token import Granted
from mcp_vacuum.safety.url import EndpointUrl
from mcp_vacuum.testing.play import answers, play, requests

ISSUER = "https://as.example"
BINDING = Binding(f"{ISSUER}/token", "c", ISSUER, "https://mcp.example/mcp")
CLIENT = ClientCredentials(client_id="c", issuer=ISSUER)
CODE: dict[str, Any] = {
    "device_code": "dc",
    "user_code": "WDJB-MJHT",
    "verification_uri": f"{ISSUER}/device",
    "expires_in": 600,
}
GRANTED = answers(200, access_token="t", token_type="Bearer", refresh_token="r")
PENDING = answers(400, error="authorization_pending")
SLOW_DOWN = answers(400, error="slow_down")


def login(patience: float = 300, prover: Prover | None = None) -> Flow[Granted]:
    return device_login(f"{ISSUER}/device", BINDING, CLIENT, scope="a", patience=patience, prover=prover)


def code(**changes: Any) -> HttpResponse:
    return answers(200, **{**CODE, **changes})


def pauses(asked: list[Effect]) -> list[float]:
    return [effect.seconds for effect in asked if isinstance(effect, Sleep)]


def ended(*replies: Any, patience: float = 300) -> VacuumError:
    with pytest.raises(VacuumError) as caught:
        play(login(patience), *replies)
    return caught.value


class TestRequest:
    def test_the_code_is_asked_for_shown_and_redeemed(self) -> None:
        asked, granted = play(login(), code(), PENDING, GRANTED)
        first, second, third = requests(asked)

        assert granted.token.refresh_token == "r"
        assert granted.token.binding == BINDING
        assert first.url == f"{ISSUER}/device"
        assert first.form == {"scope": "a", "resource": BINDING.resource, "client_id": "c"}
        assert second.form == third.form
        assert second.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": "dc",
            "resource": BINDING.resource,
            "client_id": "c",
        }
        assert [effect for effect in asked if isinstance(effect, ShowCode)] == [
            ShowCode(EndpointUrl(f"{ISSUER}/device"), "WDJB-MJHT", None)
        ]

    def test_the_code_is_shown_before_the_first_poll(self) -> None:
        asked, _ = play(login(), code(verification_uri_complete=f"{ISSUER}/device?c=1"), GRANTED)
        kinds = [type(effect).__name__ for effect in asked]

        assert kinds == ["HttpRequest", "ShowCode", "Sleep", "HttpRequest"]

    def test_a_proof_goes_with_the_polls(self) -> None:
        answer = answers(200, access_token="t", token_type="DPoP")
        asked, granted = play(login(prover=Prover(ProofKey.generate())), code(), answer)
        first, second = requests(asked)

        assert "DPoP" not in dict(first.headers)
        assert "DPoP" in dict(second.headers)
        assert granted.token.token_type == "DPoP"


class TestPace:
    """§3.5."""

    @pytest.mark.parametrize(("interval", "pause"), [(None, 5), (0, 5), (-3, 1), (1, 1), (7, 7)])
    def test_the_interval_is_the_servers_or_five_seconds(self, interval: int | None, pause: float) -> None:
        asked, _ = play(login(), code(interval=interval), PENDING, GRANTED)

        assert pauses(asked) == [pause, pause]

    def test_slow_down_adds_five_seconds_for_good(self) -> None:
        asked, _ = play(login(), code(), SLOW_DOWN, PENDING, SLOW_DOWN, GRANTED)

        assert pauses(asked) == [5, 10, 10, 15]

    def test_a_lost_connection_doubles_it(self) -> None:
        asked, _ = play(login(), code(), ServerUnavailable("down"), ServerUnavailable("down"), GRANTED)

        assert pauses(asked) == [5, 10, 20]

    @pytest.mark.parametrize(("wait", "pause"), [("30", 30), ("1", 10), (None, 10)])
    def test_a_server_that_is_down_is_asked_later(self, wait: str | None, pause: float) -> None:
        down = answers(503, headers={"retry-after": wait} if wait else {})
        asked, _ = play(login(), code(), down, GRANTED)

        assert pauses(asked) == [5, pause]


class TestEnd:
    def test_declined(self) -> None:
        error = ended(code(), PENDING, answers(400, error="access_denied"))

        assert isinstance(error, LoginDeclined)
        assert error.spec == "RFC 8628 §3.5"

    def test_the_code_expired(self) -> None:
        assert isinstance(ended(code(), answers(400, error="expired_token")), LoginDeclined)

    @pytest.mark.parametrize(("expires_in", "patience"), [(12, 300), (600, 12)])
    def test_nobody_came(self, expires_in: int, patience: float) -> None:
        error = ended(code(expires_in=expires_in), PENDING, PENDING, patience=patience)

        assert isinstance(error, LoginDeclined)

    @pytest.mark.parametrize("interval", [10**6, 10**400])
    def test_a_server_cannot_make_us_wait_for_ever(self, interval: int) -> None:
        """No pause is longer than what is left of the person's time."""
        assert isinstance(ended(code(interval=interval)), LoginDeclined)
        assert isinstance(ended(code(), answers(429, headers={"retry-after": "999999"})), LoginDeclined)

    @pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unsupported_grant_type"])
    def test_another_error_is_final(self, error: str) -> None:
        refusal = ended(code(), answers(400, error=error))

        assert isinstance(refusal, OAuthError)
        assert refusal.error == error

    def test_a_page_is_no_answer(self) -> None:
        assert type(ended(code(), answers(200, body=b"<html>"))) is AuthenticationError


class TestCode:
    @pytest.mark.parametrize("missing", ["device_code", "user_code", "verification_uri", "expires_in"])
    def test_an_answer_that_lacks_something(self, missing: str) -> None:
        assert ended(code(**{missing: None})).spec == "RFC 8628 §3.2"

    def test_a_refusal(self) -> None:
        assert isinstance(ended(answers(400, error="unauthorized_client")), OAuthError)

    @pytest.mark.parametrize("member", ["verification_uri", "verification_uri_complete"])
    @pytest.mark.parametrize("url", ["http://evil.example/", "javascript:alert(1)", "https://u:p@h/"])
    def test_an_address_that_nobody_should_open(self, member: str, url: str) -> None:
        error = ended(code(**{member: url}))

        assert isinstance(error, SecurityRefused)

    @pytest.mark.parametrize("user_code", ["\x1b[2J", "A\nB", "A" * 99])
    def test_a_code_that_is_no_code(self, user_code: str) -> None:
        error = ended(code(user_code=user_code))

        assert (type(error), error.spec) == (SecurityRefused, "RFC 8628 §6.1")
