"""Registered clients are found, replaced and forgotten."""

from __future__ import annotations

from mcp_vacuum.lab.clients import Client, Clients


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
