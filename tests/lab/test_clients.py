"""Registered clients are found, replaced and forgotten."""

from __future__ import annotations

import time

import pytest

from mcp_vacuum.lab.clients import MOST_GUESSES, PAUSE, Client, Clients, acceptable_redirect_uri
from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.messages import Refusal, Request


def clients() -> Clients:
    return Clients(any_loopback_port=False, metadata_documents=False)


def test_a_client_is_found_until_it_is_forgotten() -> None:
    known = clients()
    known.add(Client("a", ("http://127.0.0.1:1/callback",)))

    assert known.find("a") is not None
    assert known.find("b") is None
    known.forget("a")
    assert known.find("a") is None


def test_a_url_is_no_client_where_metadata_documents_are_off() -> None:
    assert clients().find("http://127.0.0.1:1/client.json") is None


def test_a_client_shows_no_secret() -> None:
    shown = repr(Client("a", (), secret="very-secret", registration_token="also-secret"))

    assert "secret" not in shown.replace("secret_expires_at", "").replace("client_secret", "")


def status_of(known: Clients, secret: str) -> int:
    """Return the status that a token request with this secret would get."""
    form = {"client_id": ("a",), "client_secret": (secret,)}
    try:
        known.authenticate(Request("POST", "/token", {}, {}, form=form))
    except Refusal as refusal:
        return refusal.status
    return 200


def guessed(faults: Faults) -> Clients:
    known = Clients(any_loopback_port=False, metadata_documents=False, faults=faults)
    known.add(Client("a", (), "client_secret_post", "right"))
    assert [status_of(known, f"wrong {number}") for number in range(MOST_GUESSES)] == [401] * MOST_GUESSES
    return known


def test_after_some_wrong_secrets_even_the_right_one_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    known = guessed(Faults())

    assert status_of(known, "right") == 429
    now = time.time()
    monkeypatch.setattr("mcp_vacuum.lab.clients.time.time", lambda: now + PAUSE + 1)
    assert status_of(known, "right") == 200
    assert status_of(known, "wrong") == 401


def test_guessing_can_be_without_end() -> None:
    assert status_of(guessed(Faults(never_throttles=True)), "right") == 200


def test_a_secret_can_be_for_show() -> None:
    known = Clients(any_loopback_port=False, metadata_documents=False, faults=Faults(ignores_secret=True))
    known.add(Client("a", (), "client_secret_post", "right"))

    assert status_of(known, "wrong") == 200


@pytest.mark.parametrize(
    "uri", ["https://*.example/cb", "https://a@b.example/cb", "https://a.example/cb#x", "cb:/x"]
)
def test_redirect_uris_that_are_not_taken(uri: str) -> None:
    assert not acceptable_redirect_uri(uri)
