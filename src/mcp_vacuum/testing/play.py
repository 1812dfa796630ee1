"""Runs a flow against canned answers: no server, no mock, no event loop.

```python
asked, token = play(flow, answers(200, access_token="new", token_type="Bearer"))
```
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from mcp_vacuum.protocol.effects import (
    Authorize,
    Effect,
    Flow,
    HttpRequest,
    HttpResponse,
    Moment,
    ShowCode,
    Sleep,
)

T = TypeVar("T")

Reply = HttpResponse | str | Exception | Callable[[Effect], Any]
"""An answer, a redirect URL for an `Authorize`, an error to raise into the flow, or a function of it."""

AT = 1_000.0
"""The Unix time of canned answers, unless they say otherwise."""


def answers(
    status: int = 200,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    at: float = AT,
    **members: Any,
) -> HttpResponse:
    """Make an answer; `members` become its JSON body."""
    content = json.dumps(members).encode() if body is None else body
    given = {"content-type": "application/json", **(headers or {})}
    lines = tuple((name.lower(), value) for name, value in given.items())
    return HttpResponse("https://canned.example/", status, lines, content, at)


def play(flow: Flow[T], *replies: Reply) -> tuple[list[Effect], T]:
    """Run `flow`, giving it one reply for each request or authorization; pauses are only noted.

    Returns:
        Every effect that the flow asked for, in order, and its result.

    Raises:
        AssertionError: The flow asked for more than there are replies, or for less.
    """
    waiting = list(replies)
    asked: list[Effect] = []
    reply: Any = None
    error: Exception | None = None
    while True:
        try:
            effect = flow.throw(error) if error else flow.send(reply)
        except StopIteration as done:
            assert not waiting, f"{len(waiting)} replies were not asked for"
            return asked, done.value
        asked.append(effect)
        reply, error = _next_reply(effect, waiting)


def _next_reply(effect: Effect, waiting: list[Reply]) -> tuple[Any, Exception | None]:
    if isinstance(effect, Sleep | ShowCode):
        return None, None
    if isinstance(effect, Moment):
        return (AT, "fresh-random-word"), None
    assert waiting, f"nothing was prepared for {effect!r}"
    reply = waiting.pop(0)
    if isinstance(reply, Exception):
        return None, reply
    return (reply(effect) if callable(reply) else reply), None


def requests(asked: list[Effect]) -> list[HttpRequest]:
    """Return the HTTP requests among the effects."""
    return [effect for effect in asked if isinstance(effect, HttpRequest)]


def authorizations(asked: list[Effect]) -> list[Authorize]:
    """Return the visits among the effects."""
    return [effect for effect in asked if isinstance(effect, Authorize)]
