"""Evidence is collected without sending anything."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_vacuum.audit.evidence.flow import SAMPLES, collect
from tests.audit.conftest import client
from tests.audit.planted.document import hosted


@pytest.mark.parametrize("client_id", ["client", "https://client.example/mcp.json"])
def test_nothing_is_sent(client_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert len(collect(client(client_id=client_id)).samples) == SAMPLES


def test_a_forged_answer_is_refused_by_each_check() -> None:
    sample = collect(client(issuer="https://as.example")).samples[0]

    assert (sample.accepts_wrong_state, sample.accepts_no_state, sample.accepts_other_uri) == (False,) * 3


def test_a_metadata_document_is_fetched_if_that_is_asked_for() -> None:
    with hosted() as url:
        by_id = collect(client(client_id=url), fetch_metadata=True)
        beside = collect(SimpleNamespace(client_id="c", client_metadata_url=url), fetch_metadata=True)

    assert [each.document and each.document.url for each in (by_id, beside)] == [url, url]
    assert collect(client(), fetch_metadata=True).document is None
