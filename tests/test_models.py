from __future__ import annotations

import logging
import traceback
from dataclasses import FrozenInstanceError, replace

import pytest

from mcp_vacuum.models import Binding, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.authorization import authorization_request
from mcp_vacuum.protocol.effects import Authorize, HttpRequest, HttpResponse
from mcp_vacuum.protocol.flows import RefreshResult
from mcp_vacuum.protocol.token import Granted
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import BrowserUrl, EndpointUrl

HIDDEN = "s3cr3t-value"
TOKEN = OAuth2Token(HIDDEN, refresh_token=f"{HIDDEN}-refresh", created_at=1_000.0)


class TestOAuth2Token:
    """A token response (RFC 6749 §5.1) as the specification of this package names it."""

    def test_the_defaults_are_those_of_the_specification(self) -> None:
        token = OAuth2Token("t")

        assert (token.token_type, token.expires_in, token.refresh_token, token.scope) == (
            "Bearer",
            3600,
            None,
            None,
        )

    @pytest.mark.parametrize("lifetime", [0, -1])
    def test_a_lifetime_of_nothing_is_refused(self, lifetime: int) -> None:
        with pytest.raises(ValueError, match="greater than 0"):
            OAuth2Token("t", expires_in=lifetime)

    @pytest.mark.parametrize(
        ("now", "expired"),
        [(0.0, False), (40.0, False), (40.001, True), (100.0, True), (1e9, True)],
    )
    def test_it_is_expired_from_60_seconds_before_its_end_on(
        self, now: float, expired: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.time", lambda: 1_000.0 + now)

        assert OAuth2Token("t", expires_in=100, created_at=1_000.0).is_expired is expired

    def test_a_token_that_is_not_here_is_expired(self) -> None:
        assert OAuth2Token("").is_expired

    @pytest.mark.parametrize(("left", "within"), [(60.001, False), (60.0, False), (59.999, True)])
    def test_expires_within_counts_from_the_time_that_it_is_given(self, left: float, within: bool) -> None:
        assert TOKEN.expires_within(60, now=TOKEN.expires_at - left) is within

    def test_it_does_not_change(self) -> None:
        with pytest.raises(FrozenInstanceError):
            TOKEN.access_token = "other"  # type: ignore[misc]

    def test_two_tokens_are_equal_whatever_they_are_bound_to(self) -> None:
        assert replace(TOKEN, binding=Binding("https://as.example/token", "c")) == TOKEN

    def test_its_repr_tells_tokens_apart_and_shows_none(self) -> None:
        assert HIDDEN not in repr(TOKEN)
        assert repr(TOKEN) != repr(replace(TOKEN, access_token="another"))
        assert "access_token=''" in repr(OAuth2Token(""))


class TestCredential:
    def test_a_record_that_nothing_was_bound_to_has_no_binding(self) -> None:
        client = ClientCredentials(client_id="c")

        assert Credential(server="s").binding is None
        assert Credential(server="s", client=client).binding is None
        assert Credential(server="s", token_endpoint="https://as.example/token").binding is None

    def test_its_binding_is_endpoint_client_issuer_and_resource(self) -> None:
        login = Credential(
            server="https://mcp.example",
            token_endpoint="https://as.example/token",
            client=ClientCredentials(client_id="c"),
            issuer="https://as.example",
            resource="https://mcp.example/mcp",
        )

        assert login.binding == Binding(
            "https://as.example/token", "c", "https://as.example", "https://mcp.example/mcp"
        )


def nouns() -> list[object]:
    """One of each noun that holds a secret, full of secrets."""
    secret = Secret(HIDDEN)
    client = ClientCredentials(client_id="c", client_secret=secret, registration_access_token=secret)
    request = authorization_request(
        "https://as.example/authorize",
        client_id="c",
        redirect_uri="http://127.0.0.1:1/callback",
        state=secret,
        verifier=Secret(HIDDEN * 4),
    )
    return [
        secret,
        TOKEN,
        client,
        Credential(server="s", client=client, refresh_token=secret),
        HttpRequest(
            "POST",
            EndpointUrl("https://as.example/token"),
            headers=(("Authorization", f"Basic {HIDDEN}"),),
            body=f"refresh_token={HIDDEN}".encode(),
        ),
        HttpResponse("https://as.example/token", 200, (("x", HIDDEN),), HIDDEN.encode(), 1.0),
        Authorize(BrowserUrl(f"https://as.example/?state={HIDDEN}"), "http://127.0.0.1/callback", bool),
        request,
        RefreshResult(Granted(TOKEN)),
    ]


@pytest.mark.parametrize("noun", nouns(), ids=lambda noun: type(noun).__name__)
class TestNothingShowsASecret:
    def test_in_text(self, noun: object) -> None:
        assert HIDDEN not in f"{noun!r} {noun!s} {noun}" + "{}".format(noun) + "%s %r" % (noun, noun)  # noqa: UP031, UP032

    def test_in_a_container(self, noun: object) -> None:
        assert HIDDEN not in repr([{"k": (noun,)}])

    def test_in_a_log(self, noun: object, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("test").warning("refreshing %s with %r", noun, {"it": noun})

        assert "refreshing" in caplog.text
        assert HIDDEN not in caplog.text

    def test_in_a_traceback_with_local_variables(self, noun: object) -> None:
        def fail(argument: object) -> None:
            raise ValueError(argument)

        with pytest.raises(ValueError) as caught:
            fail(noun)
        shown = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )

        assert "argument = " in shown
        assert HIDDEN not in shown
