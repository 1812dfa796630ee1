"""Storms on one login without a good access token, against a server that ends the login on reuse."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from mcp_vacuum.safety.secret import shown

from .machine import Machine, sent
from .report import fault

CROWD = "Many at once"
Property = Callable[[str, object], None]


def storm(shape: str, what: str) -> object:
    made = "one process on a real vault; the server takes 0.5 s to answer"
    return pytest.param(shape, marks=fault(f"{what} (strict)", chapter=CROWD, made=made), id=shape)


@pytest.mark.parametrize(
    "shape",
    [
        storm("tasks", "10,000 tasks in one event loop"),
        storm("threads", "64 threads"),
        storm("managers", "200 tasks over four managers"),
        storm("loops", "Eight event loops in eight threads"),
    ],
)
def test_a_crowd_in_one_process_is_one_refresh(
    machine: Machine, record_property: Property, shape: str
) -> None:
    with machine.lab() as lab:
        lab.faults.token_delay = 0.5
        done = machine.finish(machine.program("crowd", lab.mcp_url, shape))
        assert done.code == 0, done
        told = json.loads(done.out)
        record_property("asked", told["asked"])
        record_property("refreshes", sent(lab))

        assert told["tokens"] == [shown(lab.issued_access_tokens[-1])]
        assert (sent(lab), lab.reuse_detected) == (1, 0)


@fault(
    "A fork in the middle of a refresh (strict)",
    chapter=CROWD,
    made="a process forks four children while its request is at the server; all five want the token",
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_in_the_middle(machine: Machine, record_property: Property) -> None:
    with machine.lab() as lab:
        lab.faults.token_delay, lab.faults.token_times = 1.0, 1
        done = machine.finish(machine.program("forks", lab.mcp_url, "4"))
        assert done.code == 0, done
        tokens = done.out.split()
        record_property("processes", len(tokens))
        record_property("refreshes", sent(lab))

        assert len(tokens) == 5
        assert set(tokens) <= {shown(token) for token in lab.issued_access_tokens}
        assert lab.refresh_tokens_seen() == lab.issued_refresh_tokens[:-1]
        assert (sent(lab), lab.reuse_detected) == (5, 0)
        machine.gets_the_newest(lab)
