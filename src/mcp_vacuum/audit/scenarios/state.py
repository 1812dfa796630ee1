"""LAB-13: answers whose `state` is missing, another, doubled, used before, or too late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mcp_vacuum.audit.scenarios.scenario import Scenario, Stage
from mcp_vacuum.lab.messages import Response

Pairs = list[tuple[str, str]]
Change = Callable[[Pairs], Pairs]


def changed_answers(change: Change) -> Callable[[Stage], None]:
    """Change the parameters of every redirect that leads back to the client."""

    def arrange(stage: Stage) -> None:
        stage.twist(lambda request, app: _changed(app(request), change))

    return arrange


def _changed(response: Response, change: Change) -> Response:
    headers = tuple(
        (name, _rewritten(value, change) if name == "Location" and _is_answer(value) else value)
        for name, value in response.headers
    )
    return replace(response, headers=headers)


def _is_answer(location: str) -> bool:
    return any(name in ("code", "error") for name, _ in parse_qsl(urlsplit(location).query))


def _rewritten(location: str, change: Change) -> str:
    parts = urlsplit(location)
    pairs = change(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def each_state(change: Callable[[str], list[str]]) -> Change:
    """Replace each `state` by the values that `change` makes of it."""

    def changed(pairs: Pairs) -> Pairs:
        return [
            (name, new) for name, value in pairs for new in (change(value) if name == "state" else [value])
        ]

    return changed


def one_byte_off(value: str) -> str:
    """Return a value of the same length that differs in its last character."""
    return value[:-1] + ("A" if value[-1:] != "A" else "B")


def other_case(value: str) -> str:
    """Return a value with its letters in the other case, or a character off if it has none."""
    return value.swapcase() if value.swapcase() != value else one_byte_off(value)


def _states(name: str, what: str, change: Callable[[str], list[str]]) -> Scenario:
    return Scenario(f"LAB-13/{name}", what, arrange=changed_answers(each_state(change)))


def twice(stage: Stage, url: str) -> None:
    """Visit, and bring the same answer a second time."""
    end = stage.visit(url)
    if urlsplit(end).query:
        stage.request("the same answer again", "GET", end)


SCENARIOS = (
    _states("missing", "the answer comes without state", lambda value: []),
    _states("empty", "the answer's state is empty", lambda value: [""]),
    _states("altered", "one character of the answer's state is another", lambda value: [one_byte_off(value)]),
    _states(
        "case", "the answer's state has its letters in the other case", lambda value: [other_case(value)]
    ),
    _states("doubled", "the answer has two states, the wrong one first", lambda value: ["x" * 43, value]),
    Scenario("LAB-13/replayed", "the same answer is brought twice", person=twice),
)
