"""Clocks that are set, and machines that sleep, while a login is used and refreshed.

The clocks are those of a real process, moved in that process alone: a machine's own clock is not a test's to
move, and time namespaces move the monotonic clock only.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mcp_vacuum.safety.secret import shown

from .machine import Machine, sent
from .report import fault

CLOCK = "The clock"
HOUR = 3600
Property = Callable[[str, object], None]


def case(what: str, refreshes: int, *arguments: str) -> object:
    made = f"`time.time` of a process jumps by {arguments[1]} s"
    made += (
        f", `time.monotonic` by {arguments[2]} s" if len(arguments) > 2 else ", its monotonic clock does not"
    )
    return pytest.param(refreshes, arguments, marks=fault(what, chapter=CLOCK, made=made), id=what)


@pytest.mark.parametrize(
    ("refreshes", "arguments"),
    [
        case("Set forward by an hour between two uses", 2, "between", f"{HOUR}"),
        case("Set back by an hour between two uses", 1, "between", f"-{HOUR}"),
        case("Set forward by an hour while a request is on its way", 1, "send", f"{HOUR}"),
        case("Set back by an hour while a request is on its way", 1, "send", f"-{HOUR}"),
        case("Set forward by an hour when an answer has been read", 2, "answer", f"{HOUR}"),
        case("Set back by an hour when an answer has been read", 1, "answer", f"-{HOUR}"),
        case("An hour ahead of the server all the time", 1, "before", f"{HOUR}"),
        case("An hour behind the server all the time", 1, "before", f"-{HOUR}"),
        case("A sleep of two hours; the monotonic clock stands still", 2, "between", f"{2 * HOUR}"),
        case("A sleep of two hours; the monotonic clock goes on", 2, "between", f"{2 * HOUR}", f"{2 * HOUR}"),
        case("A sleep when an answer has been read; both clocks go on", 2, "answer", f"{HOUR}", f"{HOUR}"),
    ],
)
def test_it_costs_at_most_one_refresh(
    machine: Machine, record_property: Property, refreshes: int, arguments: tuple[str, ...]
) -> None:
    """The server's tokens live for half an hour; whichever clock says so ends one, and a new one stays."""
    with machine.lab() as lab:
        done = machine.finish(machine.program("clock", lab.mcp_url, *arguments))
        assert done.code == 0, done
        tokens = json.loads(done.out)

        assert sent(lab) == refreshes
        assert tokens == sorted(tokens, key=[shown(t) for t in lab.issued_access_tokens].index)
        assert tokens[-1] == shown(lab.issued_access_tokens[-1])
        assert len(set(tokens)) == refreshes
        assert lab.reuse_detected == 0
        record_property("refreshes", refreshes)
        machine.gets_the_newest(lab)
