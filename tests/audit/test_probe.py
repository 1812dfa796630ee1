"""A refusal counts only where the request without the defect worked."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.probe import Probe, must_be_refused
from mcp_vacuum.audit.rule import Finding, NotChecked
from tests.audit.made import answered, unanswered

WORKS, REFUSED = answered(200, {"access_token": "x"}), answered(400, {"error": "invalid_grant"})


def accepted(exchange: Exchange) -> bool:
    return exchange.status == 200 and exchange.media_type == "application/json"


def judged(answer: Exchange, control: Exchange | None) -> list[Finding | NotChecked]:
    return list(must_be_refused(Probe("a wrong verifier", answer, control), accepted))


def test_refused_with_a_working_control_passes() -> None:
    assert judged(REFUSED, WORKS) == []


def test_accepted_is_a_finding_whatever_the_control() -> None:
    (found,) = judged(WORKS, None)

    assert isinstance(found, Finding)
    assert found.at is WORKS


@pytest.mark.parametrize("control", [None, REFUSED, unanswered()])
def test_without_a_working_control_nothing_is_proven(control: Exchange | None) -> None:
    (result,) = judged(REFUSED, control)

    assert isinstance(result, NotChecked)
    assert result.because.startswith("INCONCLUSIVE")


@pytest.mark.parametrize(
    "answer", [unanswered(), answered(503), answered(429), answered(200, b"<html>", media_type="text/html")]
)
def test_an_answer_that_is_no_refusal_proves_nothing(answer: Exchange) -> None:
    (result,) = judged(answer, WORKS)

    assert isinstance(result, NotChecked)
