from __future__ import annotations

import pytest

from mcp_vacuum.protocol.effects import Authorize, Flow, HttpRequest, HttpResponse, Sleep, ask, pause, send
from mcp_vacuum.safety.url import BrowserUrl, EndpointUrl
from mcp_vacuum.testing.play import answers, play

REQUEST = HttpRequest("GET", EndpointUrl("https://h.example/"))


def test_sending_yields_the_request_and_returns_the_answer() -> None:
    answer = answers(200)
    asked, result = play(send(REQUEST), answer)

    assert asked == [REQUEST]
    assert result == answer


def test_asking_yields_the_visit_and_returns_the_redirect_url() -> None:
    visit = Authorize(BrowserUrl("https://as.example/"), "http://127.0.0.1/callback", bool)

    assert play(ask(visit), "http://127.0.0.1/callback?code=c") == (
        [visit],
        "http://127.0.0.1/callback?code=c",
    )


def test_a_pause_is_asked_for() -> None:
    assert play(pause(2.5)) == ([Sleep(2.5)], None)


def test_flows_join_and_errors_reach_the_flow_that_asked() -> None:
    def careful() -> Flow[str]:
        try:
            yield from send(REQUEST)
        except OSError as error:
            return f"plan B after {error}"
        return "plan A"

    def whole() -> Flow[str]:
        return (yield from careful())

    assert play(whole(), OSError("trouble"))[1] == "plan B after trouble"


def test_the_form_of_a_body_keeps_empty_values_and_the_first_of_two() -> None:
    request = HttpRequest("POST", REQUEST.url, body=b"a=1&b=&a=2&c=%2B+x")

    assert request.form == {"a": "1", "b": "", "c": "+ x"}
    assert REQUEST.form == {}


class TestHttpResponse:
    ANSWER = HttpResponse("https://h.example/", 200, (("x", "1"), ("y", "2"), ("x", "3")), b"body", 1.0)

    @pytest.mark.parametrize(("name", "first", "lines"), [("x", "1", ["1", "3"]), ("z", None, [])])
    def test_a_header_may_come_more_than_once(self, name: str, first: str | None, lines: list[str]) -> None:
        assert self.ANSWER.header(name) == first
        assert self.ANSWER.header_lines(name) == lines

    def test_its_repr_says_how_much_came_and_from_where(self) -> None:
        assert repr(self.ANSWER) == "HttpResponse(200 from https://h.example/, 4 bytes)"
