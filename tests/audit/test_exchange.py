"""Recorded exchanges."""

from __future__ import annotations

import pytest

from mcp_vacuum.safety.limits import NotADocument
from tests.audit.made import answered, unanswered


def test_the_media_type_is_without_parameters() -> None:
    assert answered(media_type="Application/JSON; charset=utf-8").media_type == "application/json"


def test_a_document_is_what_came() -> None:
    assert answered(body={"issuer": "x"}).document == {"issuer": "x"}
    with pytest.raises(NotADocument):
        _ = answered(body=b"<html>").document
    with pytest.raises(NotADocument):
        _ = unanswered().document


def test_an_exchange_without_an_answer_says_why() -> None:
    exchange = unanswered()

    assert (exchange.status, exchange.said) == (0, "did not answer within 10 s")
    assert exchange.lines("www-authenticate") == []


def test_repr_shows_no_body() -> None:
    assert "secret" not in repr(answered(body={"access_token": "secret"}))
