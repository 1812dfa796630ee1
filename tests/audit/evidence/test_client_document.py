"""A client's metadata document is fetched once, within limits, and from nowhere that no server would ask."""

from __future__ import annotations

import socket
from typing import Any

import anyio
import pytest

from mcp_vacuum.audit.evidence import client_document
from mcp_vacuum.audit.evidence.client_document import (
    MOST_BYTES,
    MOST_DOCUMENTS,
    ClientDocument,
    fetch_documents,
    is_document_url,
)
from mcp_vacuum.lab import Lab
from tests.audit.planted.document import HONEST, PUBLIC_KEY, hosted


def fetched(url: str) -> ClientDocument:
    (document,) = fetch_documents([url])
    return document


@pytest.mark.parametrize(
    ("client_id", "is_one"),
    [("https://client.example/c", True), ("HTTP://client.example/c", True), ("client-1", False), ("", False)],
)
def test_what_is_meant_as_a_url(client_id: str, is_one: bool) -> None:
    assert is_document_url(client_id) is is_one


def test_the_answer_is_there_as_it_came() -> None:
    with hosted() as url:
        document = fetched(url)

    assert document.url == url
    assert document.page.members == {"client_id": url, **HONEST}
    assert document.page.exchange.status == 200
    assert document.page.exchange.media_type == "application/json"
    assert document.keys is None


def test_its_keys_are_fetched_too() -> None:
    with hosted(keys=[PUBLIC_KEY]) as url:
        document = fetched(url)

    assert document.keys
    assert document.keys.members
    assert document.keys.members["keys"] == [PUBLIC_KEY]


def test_plain_http_is_for_a_laboratory_on_this_machine() -> None:
    with Lab() as lab:
        assert fetched(lab.serve_client_metadata()).page.present

    refused = fetched("http://client.example/c.json").page
    assert refused.exchange.outcome == "refused"
    assert "plain http" in refused.problem


def test_no_redirect_is_followed() -> None:
    with Lab() as lab:
        lab.serve_client_metadata()
        redirect = {"status": 302, "headers": (("Location", lab.issuer),)}
        with hosted(answer=redirect) as url:
            assert fetched(url).page.exchange.status == 302

        assert lab.recorder.requests == ()


def test_no_more_is_read_than_tells_that_it_is_too_large() -> None:
    with hosted({"padding": "x" * MOST_BYTES}) as url:
        exchange = fetched(url).page.exchange

    assert exchange.outcome == "oversized"
    assert str(MOST_BYTES) in exchange.failure


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/c.json",
        "https://169.254.169.254/c.json",
        "https://client.internal/c.json",
        "https://[broken",
        "https://user@client.example/c",
    ],
)
def test_nothing_is_sent_where_no_server_would_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # a name would be left to it: none is resolved

    assert fetched(url).page.exchange.outcome == "refused"


def test_a_public_name_with_a_private_address_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, *_: Any, flags: int = 0, **__: Any) -> list[tuple[Any, ...]]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror("it is a name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    exchange = fetched("https://client.example/c.json").page.exchange

    assert exchange.outcome == "refused"
    assert "loopback" in exchange.failure


def test_each_is_fetched_once_and_only_some() -> None:
    with Lab() as lab:
        urls = [lab.serve_client_metadata() for _ in range(MOST_DOCUMENTS + 1)]
        documents = fetch_documents([urls[0], *urls])

        assert [each.url for each in documents] == urls[:MOST_DOCUMENTS]
        assert len(lab.recorder.requests) == MOST_DOCUMENTS
    assert fetch_documents([]) == ()


def test_it_works_where_an_event_loop_runs() -> None:
    async def inside(url: str) -> ClientDocument:
        return fetched(url)

    with hosted() as url:
        assert anyio.run(inside, url).page.present


def test_the_limit_is_a_little_above_what_every_server_takes() -> None:
    assert client_document.LARGEST < MOST_BYTES < 2 * client_document.LARGEST
