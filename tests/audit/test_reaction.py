"""What became of an authorization request."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import Reaction, error_of, gives_token, is_served, leads_to, reaction
from tests.audit.made import answered, unanswered

URI = "http://127.0.0.1:1/callback"
AS = "https://as.example/authorize"
FORM = b"<form method=post><input type=password></form>"


def sent_to(location: str) -> Exchange:
    return answered(302, url=AS, headers=(("location", location),), media_type="")


def page(body: bytes, status: int = 200) -> Exchange:
    return answered(status, body, url=AS, media_type="text/html")


@pytest.mark.parametrize(
    ("exchange", "wanted"),
    [
        (sent_to(f"{URI}?code=c&state=s"), Reaction.CODE),
        (sent_to(f"{URI}#access_token=t"), Reaction.CODE),
        (sent_to(f"{URI}?error=invalid_scope"), Reaction.ERROR),
        (sent_to("/login?visit=1"), Reaction.ASKS),
        (sent_to("https://idp.example/authorize"), Reaction.ASKS),
        (sent_to("/error?error=invalid_client"), Reaction.REFUSED),
        (page(FORM), Reaction.ASKS),
        (page(b"<p>hello"), Reaction.UNCLEAR),
        (page(b"<p>no", 400), Reaction.REFUSED),
        (page(f"<meta http-equiv=refresh content='0;url={URI}?error=x'>".encode()), Reaction.ERROR),
        (answered(429), Reaction.UNCLEAR),
        (answered(500), Reaction.UNCLEAR),
        (unanswered(), Reaction.UNCLEAR),
        (sent_to("https://[broken"), Reaction.ASKS),
    ],
)
def test_each_reaction(exchange: Exchange, wanted: Reaction) -> None:
    assert reaction(exchange, URI) is wanted


def test_a_script_leads_on_too() -> None:
    assert leads_to(page(f"<script>location.href = '{URI}'</script>".encode()), URI)
    assert not leads_to(page(f"<a href='{URI}'>back</a>".encode()), URI)


def test_a_token_is_a_token_only_in_a_200() -> None:
    assert gives_token(answered(200, {"access_token": "x"}))
    assert not gives_token(answered(400, {"access_token": "x"}))
    assert not gives_token(answered(200, {"access_token": ""}))
    assert error_of(answered(400, {"error": "invalid_grant"})) == "invalid_grant"
    assert error_of(answered(400, b"<html>")) == ""


@pytest.mark.parametrize(
    ("exchange", "served"),
    [
        (answered(200, {"result": {}}), True),
        (answered(200, {"error": {}}), False),
        (answered(401, {"result": {}}), False),
        (answered(200, b"", media_type="text/event-stream"), True),
        (answered(200, b"<html>", media_type="text/html"), False),
        (answered(200, [{"id": 1, "result": {}}]), True),
        (answered(200, [{"id": 1, "error": {}}]), False),
        (answered(200, b"[broken"), False),
        (unanswered(), False),
    ],
)
def test_what_is_served(exchange: Exchange, served: bool) -> None:
    assert is_served(exchange) is served
