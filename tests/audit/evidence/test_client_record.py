"""What is kept of the requests to a laboratory."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.client import first, form_of, query_of
from mcp_vacuum.audit.evidence.client_record import Recording
from mcp_vacuum.lab.messages import App, Request, Response, json_response, read_request

HOST = {"host": "127.0.0.1:1"}


def request(method: str, target: str, body: bytes = b"", **headers: str) -> Request:
    return read_request(
        method, target, {**HOST, **{k.replace("_", "-"): v for k, v in headers.items()}}, body
    )


def test_a_request_and_its_answer_are_kept() -> None:
    recording = Recording("LAB-00")
    before = recording.before(lambda: None)
    before(request("GET", "/a?b=1&b=2"), lambda _: json_response({"c": 3}, 404))
    (seen,) = recording.exchanges()

    assert (seen.method, seen.url, seen.status) == ("GET", "http://127.0.0.1:1/a?b=1&b=2", 404)
    assert query_of(seen) == {"b": ("1", "2")}
    assert seen.document == {"c": 3}
    assert recording.begun
    assert recording.active == 0


def test_a_twist_comes_before_the_honest_code() -> None:
    def twist(request: Request, app: App) -> Response:
        return Response(418)

    recording = Recording("LAB-00")
    answer = recording.before(lambda: twist)(request("GET", "/"), lambda _: Response(200))

    assert answer.status == 418


def test_an_answer_that_breaks_is_kept_as_lost() -> None:
    def broken(_: Request) -> Response:
        raise RuntimeError

    recording = Recording("LAB-00")
    with pytest.raises(RuntimeError):
        recording.before(lambda: None)(request("GET", "/"), broken)

    assert [each.outcome for each in recording.exchanges()] == ["lost"]


def test_any_pkce_works_and_is_recorded_as_it_came() -> None:
    arrived: list[Request] = []

    def app(request: Request) -> Response:
        arrived.append(request)
        return Response(200)

    recording = Recording("LAB-00")
    before = recording.before(lambda: None)
    before(request("GET", "/authorize?client_id=c&code_challenge=weak&code_challenge_method=plain"), app)
    body = b"grant_type=authorization_code&code=x&code_verifier=weak"
    before(request("POST", "/token", body, content_type="application/x-www-form-urlencoded"), app)
    asked, redeemed = recording.exchanges()

    assert arrived[0].query["code_challenge_method"] == ("S256",)
    assert arrived[1].form["code_verifier"] != ("weak",)
    assert first(query_of(asked), "code_challenge") == "weak"
    assert first(form_of(redeemed), "code_verifier") == "weak"


def test_a_host_is_recorded_by_the_laboratorys_own_name() -> None:
    recording = Recording("LAB-21", {"localhost:9": "127.0.0.1:1"})
    recording.before(lambda: None)(request("GET", "/a", host="localhost:9"), lambda _: Response(200))

    assert [each.url for each in recording.exchanges()] == ["http://127.0.0.1:1/a"]
