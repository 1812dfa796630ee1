"""Evidence is collected without sending anything."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from mcp_vacuum.audit.evidence.flow import SAMPLES, collect
from tests.audit.conftest import client


def test_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert len(collect(client()).samples) == SAMPLES


def test_a_forged_answer_is_refused_by_each_check() -> None:
    sample = collect(client(issuer="https://as.example")).samples[0]

    assert (sample.accepts_wrong_state, sample.accepts_no_state, sample.accepts_other_uri) == (False,) * 3
