"""Planted secrets, in every place of a message: none of them is ever shown."""

from __future__ import annotations

import json

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.masking import SECRET_HEADERS, SECRET_NAMES, Mask
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.safety.url import EndpointUrl

PLANTED = "pl4nted-S3cret/with+signs=="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


def exchange(
    *,
    sent: bytes = b"",
    came: bytes = b"",
    url: str = "https://as.example/token",
    request: tuple[tuple[str, str], ...] = (),
    response: tuple[tuple[str, str], ...] = (),
) -> Exchange:
    return Exchange(
        1,
        "a test",
        "POST",
        url,
        HttpRequest("POST", EndpointUrl(url), request, sent),
        HttpResponse(url, 200, response, came, 0.0),
        "answered",
        "",
        0.0,
        0.0,
    )


@pytest.mark.parametrize("name", sorted(SECRET_NAMES))
class TestByName:
    def test_in_a_query_and_a_fragment(self, name: str) -> None:
        for mark in ("?", "#"):
            masked = Mask().url(f"https://a.example/cb{mark}x=1&{name}=pl4nted%2BS3cret&y=2")

            assert "pl4nted" not in masked
            assert masked.startswith(f"https://a.example/cb{mark}x=1&{name}=***")
            assert masked.endswith("&y=2")

    def test_in_a_form(self, name: str) -> None:
        masked = Mask().body(f"grant_type=x&{name}={PLANTED}".encode(), "application/x-www-form-urlencoded")

        assert PLANTED not in masked
        assert "grant_type=x" in masked

    def test_in_json_at_any_depth(self, name: str) -> None:
        document = {"a": [{name: PLANTED, "scope": "read"}, {name: [PLANTED]}]}
        masked = Mask().body(json.dumps(document).encode(), "application/json")

        assert PLANTED not in masked
        assert '"scope": "read"' in masked

    def test_in_text_that_is_none_of_these(self, name: str) -> None:
        document = json.dumps({name: PLANTED})
        inside = json.dumps({"text": document})

        for body in (f"event: message\ndata: {document}", f"data: {inside}", f"sent {name}={PLANTED} to it"):
            assert "pl4nted" not in Mask().body(body.encode(), "text/event-stream")


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_in_a_header(name: str) -> None:
    masked = Mask().header(name.title(), f"x={PLANTED}; Path=/" if "cookie" in name else f"Bearer {PLANTED}")

    assert "pl4nted" not in masked
    assert "***" in masked


def test_what_is_no_secret_of_a_header_stays() -> None:
    mask = Mask()

    assert mask.header("Authorization", f"DPoP {PLANTED}") == f"DPoP {shown(PLANTED)}"
    assert mask.header("Set-Cookie", f"sid={PLANTED}; HttpOnly") == f"sid={shown(PLANTED)}; HttpOnly"
    assert mask.header("Cookie", f"a={PLANTED}; b={JWT}") == f"a={shown(PLANTED)}; b={shown(JWT)}"
    assert mask.header("WWW-Authenticate", 'Bearer error="invalid_token", scope="read"') == (
        'Bearer error="invalid_token", scope="read"'
    )


def test_a_code_in_a_redirect() -> None:
    masked = Mask().header("Location", "https://app.example/cb?code=abc123&iss=https%3A%2F%2Fas.example")

    assert masked == f"https://app.example/cb?code={shown('abc123')}&iss=https%3A%2F%2Fas.example"


def test_a_user_in_a_url() -> None:
    assert Mask().url("https://me:hunter2@a.example/x") == f"https://{shown('me:hunter2')}@a.example/x"


@pytest.mark.parametrize("text", [JWT, f"Bearer {PLANTED}", f"it said {JWT}.", f"Basic {PLANTED}"])
def test_by_shape(text: str) -> None:
    masked = Mask().text(text)

    assert "pl4nted" not in masked
    assert "eyJhbGci" not in masked


def test_a_private_key_and_a_public_one() -> None:
    keys = {"keys": [{"kty": "EC", "x": "public", "d": PLANTED}], "d": "a letter"}
    masked = Mask().body(json.dumps(keys).encode(), "application/json")

    assert PLANTED not in masked
    assert '"x": "public"' in masked
    assert '"d": "a letter"' in masked


@pytest.mark.parametrize(
    "source",
    [
        exchange(sent=f"code_verifier={PLANTED.replace('=', '%3D').replace('+', '%2B')}".encode()),
        exchange(came=json.dumps({"access_token": PLANTED}).encode()),
        exchange(request=(("Authorization", f"Bearer {PLANTED}"),)),
        exchange(response=(("set-cookie", f"sid={PLANTED}; Path=/"),)),
        exchange(response=(("location", f"https://a.example/cb?code={PLANTED.replace('+', '%2B')}"),)),
        exchange(url=f"https://a.example/cb?code={PLANTED.replace('+', '%2B')}"),
    ],
    ids=["form", "json", "authorization", "cookie", "redirect", "url"],
)
def test_by_value_wherever_it_was_seen_first(source: Exchange) -> None:
    mask = Mask([source])

    assert mask.text(f"the answer echoes {PLANTED} in its text") == (
        f"the answer echoes {shown(PLANTED)} in its text"
    )
    assert PLANTED not in mask.body(json.dumps({"detail": f"bad: {PLANTED}"}).encode(), "application/json")


def test_words_are_left_alone() -> None:
    text = "the authorization request: https://as.example/authorize, token_type=Bearer, code: see RFC 6749"

    assert Mask([exchange(came=b'{"code": "read"}')]).text(text) == text
    assert Mask().body(b'{"error": {"code": -32600, "message": "no"}}', "application/json").count("***") == 0


def test_pages_and_bytes_are_described() -> None:
    assert Mask().body(f"<input value={PLANTED}>".encode(), "text/html") == "(a page for people, 41 bytes)"
    assert Mask().body(b"\xff\xfe", "application/json") == "(2 bytes that are no text)"


def test_control_characters_do_not_get_through() -> None:
    assert "\x1b" not in Mask().text("red \x1b[31m\nline") + Mask().url("https://a.example/\x1b[31m")
