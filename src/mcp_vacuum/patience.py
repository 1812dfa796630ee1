"""Questions that may never be answered: a resolver without a network, a keyring behind a prompt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def answered(question: Callable[[], T], seconds: float) -> T:
    """Return the answer to `question`, or leave it behind in a thread of its own.

    Raises:
        TimeoutError: No answer came in time. Whatever else the question raises is raised as it is.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as caught:  # noqa: BLE001  (it is raised again in the thread that asked)
            answer.set_exception(caught)

    threading.Thread(target=ask, name="mcp-vacuum question", daemon=True).start()
    return answer.result(timeout=seconds)
