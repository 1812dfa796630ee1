"""Requests are read whole; what a body is not, it does not become."""

from __future__ import annotations

from mcp_vacuum.lab.messages import read_request


def test_a_form_keeps_every_value_of_a_name() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = read_request("POST", "/token?a=1", headers, b"resource=x&resource=y&empty=")

    assert request.form["resource"] == ("x", "y")
    assert request.path == "/token"
    assert request.query["a"] == ("1",)


def test_json_that_is_none_gives_none() -> None:
    headers = {"content-type": "application/json"}

    assert read_request("POST", "/", headers, b"{").json is None
    assert read_request("POST", "/", headers, b'{"a": 1}').json == {"a": 1}
    assert read_request("POST", "/", {}, b'{"a": 1}').json is None
