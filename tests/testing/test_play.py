from __future__ import annotations

import json
from contextlib import suppress

import pytest

from mcp_vacuum.protocol.effects import Authorize, Effect, Flow, HttpRequest, Sleep, ask, pause, send
from mcp_vacuum.safety.url import BrowserUrl, EndpointUrl
from mcp_vacuum.testing.play import AT, answers, authorizations, play, requests

REQUEST = HttpRequest("GET", EndpointUrl("https://h.example/"))
VISIT = Authorize(BrowserUrl("https://as.example/"), "http://127.0.0.1/callback", bool)


def conversation() -> Flow[str]:
    response = yield from send(REQUEST)
    yield from pause(1_000_000)
    url = yield from ask(VISIT)
    return f"{response.status} {url}"


class TestPlay:
    def test_replies_are_given_in_order_and_pauses_take_no_time(self) -> None:
        asked, result = play(conversation(), answers(204), "the redirect")

        assert asked == [REQUEST, Sleep(1_000_000), VISIT]
        assert result == "204 the redirect"

    def test_effects_are_told_apart(self) -> None:
        asked, _ = play(conversation(), answers(), "url")

        assert requests(asked) == [REQUEST]
        assert authorizations(asked) == [VISIT]

    def test_a_flow_that_asks_for_more_fails_the_test(self) -> None:
        with pytest.raises(AssertionError, match="nothing was prepared for Authorize"):
            play(conversation(), answers())

    def test_a_flow_that_asks_for_less_fails_the_test(self) -> None:
        with pytest.raises(AssertionError, match="2 replies were not asked for"):
            play(pause(1), answers(), "url")

    def test_an_error_is_raised_where_the_flow_asked(self) -> None:
        def careful() -> Flow[str]:
            try:
                yield from send(REQUEST)
            except OSError as error:
                return str(error)
            return "no error"

        assert play(careful(), OSError("trouble"))[1] == "trouble"

    def test_an_error_that_the_flow_does_not_catch_comes_out(self) -> None:
        error = OSError("trouble")
        with pytest.raises(OSError, match="trouble") as caught:
            play(send(REQUEST), error)

        assert caught.value is error

    def test_after_an_error_was_handled_the_next_reply_is_no_error(self) -> None:
        def stubborn() -> Flow[int]:
            with suppress(OSError):
                yield from send(REQUEST)
            return (yield from send(REQUEST)).status

        assert play(stubborn(), OSError(), answers(201))[1] == 201

    def test_a_function_sees_the_effect_that_it_answers(self) -> None:
        def echo(effect: Effect) -> str:
            assert isinstance(effect, Authorize)
            return f"{effect.redirect_uri}?code=c"

        assert play(ask(VISIT), echo)[1] == "http://127.0.0.1/callback?code=c"


class TestAnswers:
    def test_members_become_the_json_body(self) -> None:
        answer = answers(400, error="invalid_grant", n=None)

        assert (answer.status, json.loads(answer.body)) == (400, {"error": "invalid_grant", "n": None})
        assert answer.header("content-type") == "application/json"
        assert answer.received_at == AT

    def test_body_headers_and_time_may_be_given(self) -> None:
        answer = answers(200, body=b"<html>", headers={"Content-Type": "text/html", "X-A": "b"}, at=5.0)

        assert answer.body == b"<html>"
        assert answer.header("x-a") == "b"
        assert answer.received_at == 5.0
