"""Questions that may never be answered."""

from __future__ import annotations

import threading

import pytest

from mcp_vacuum.patience import answered


def test_an_answer_and_an_error_come_back() -> None:
    def fail() -> None:
        raise LookupError("no")

    assert answered(lambda: 42, 5) == 42
    with pytest.raises(LookupError):
        answered(fail, 5)


def test_a_question_without_an_answer_is_left_behind() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError):
        answered(never.wait, 0.05)
    never.set()
