"""`kill -9` of the refreshing process at every step, and what the next process finds."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.models import Credential
from tests.helpers import wait_for

from .machine import Machine, sent
from .report import Took, fault

DIES = "A process dies"
HELD_BACK = 0.6
"""Seconds that the server holds an answer back: time enough to kill who waits for it."""
FAMILY_ENDED = (
    "the login: the server has rotated the token for somebody who is dead, and ends the family when the old"
    " one comes back. Nobody can prevent it, because the only copy of the new token died with the process."
    " It is said to be *reply lost*, with the command to type"
)
Property = Callable[[str, object], None]


def of_itself(point: str) -> str:
    return f"the program kills itself with SIGKILL {point}"


def killed_at(machine: Machine, lab: Lab, point: str) -> None:
    done = machine.get(lab, point)
    assert (done.code, done.out) == (-signal.SIGKILL, ""), done


def killed_while_waiting(machine: Machine, lab: Lab) -> None:
    """Kill a process when its request has arrived; return when the server is done with the request."""
    before, processed = sent(lab), len(lab.issued_refresh_tokens)
    lab.faults.token_delay, lab.faults.token_times = HELD_BACK, 1
    dropped = lab.faults.token_reset_before
    process = machine.program("get", lab.mcp_url)
    wait_for(lambda: sent(lab) > before, "the request has arrived")
    machine.kill(process)
    if dropped:
        wait_for(lambda: not lab.faults.token_reset_before, "the server took the fault")
    else:
        wait_for(lambda: len(lab.issued_refresh_tokens) > processed, "the server has rotated the token")


def record(machine: Machine, lab: Lab) -> Credential:
    store = machine.store()
    found = store.get(lab.mcp_url)
    store.close()
    assert found is not None
    return found


def the_loss_is_said(machine: Machine, lab: Lab) -> None:
    """A fresh process says *reply lost* and what to type; `status` does too; that command mends it."""
    done = machine.get(lab)
    assert done.code == 3, done
    assert "the answer to an earlier refresh was lost" in done.out
    assert f"mcp-vacuum login {lab.mcp_url}" in done.out
    assert record(machine, lab).ended == "reply_lost"
    told = machine.ok("status", lab.mcp_url).out
    assert "login required" in told
    assert "was lost" in told
    machine.ok("login", lab.mcp_url)
    machine.gets_the_newest(lab)


@pytest.mark.parametrize(
    ("point", "requests"),
    [
        pytest.param(
            "before the journal",
            0,
            marks=fault(
                "Killed before anything was written down (strict)",
                chapter=DIES,
                made=of_itself("instead of the first write of its refresh"),
            ),
        ),
        pytest.param(
            "before send",
            0,
            marks=fault(
                "Killed before the request was sent (strict)",
                chapter=DIES,
                made=of_itself("between its journal entry and the first byte of the request"),
            ),
        ),
        pytest.param(
            "after commit",
            1,
            marks=fault(
                "Killed after the commit, before the token was handed out (strict)",
                chapter=DIES,
                made=of_itself("when the write of the new refresh token has returned"),
            ),
        ),
    ],
)
def test_before_and_after_the_exchange_a_kill_costs_nothing(
    machine: Machine, record_property: Property, point: str, requests: int
) -> None:
    with machine.lab() as lab:
        killed_at(machine, lab, point)
        assert sent(lab) == requests
        machine.gets_the_newest(lab)

        assert (sent(lab), lab.reuse_detected) == (requests + 1, 0)
        assert record(machine, lab).journal is None
        record_property("refreshes", sent(lab))


@fault(
    "Killed after the request was sent, and the server never processed it (strict)",
    chapter=DIES,
    made="the test kills the process when the request has arrived; the server then drops it",
)
def test_a_request_that_was_never_processed_costs_nothing(
    machine: Machine, record_property: Property
) -> None:
    with machine.lab() as lab:
        lab.faults.token_reset_before = True
        killed_while_waiting(machine, lab)
        assert record(machine, lab).journal is not None
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0
        record_property("refreshes", sent(lab))


IN_BETWEEN = {
    "after send": "the test kills the process when its request has arrived; the server then rotates",
    "after answer": of_itself("when it has read the whole answer"),
    "before commit": of_itself("instead of the write of the new refresh token"),
}


def in_between(grace: str, lost: str) -> list[object]:
    return [
        pytest.param(
            point, marks=fault(f"Killed {point} ({grace})", chapter=DIES, made=made, lost=lost), id=point
        )
        for point, made in IN_BETWEEN.items()
    ]


def kill(machine: Machine, lab: Lab, point: str) -> None:
    if point == "after send":
        killed_while_waiting(machine, lab)
    else:
        killed_at(machine, lab, point)
    assert record(machine, lab).generation == 1
    assert len(lab.issued_refresh_tokens) == 2


@pytest.mark.parametrize("point", in_between("grace", "nothing"))
def test_with_a_grace_period_the_next_process_has_the_login(
    machine: Machine, record_property: Property, point: str
) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        kill(machine, lab, point)
        done = machine.gets_the_newest(lab)

        assert "interrupted" in done.err
        assert (record(machine, lab).generation, lab.reuse_detected) == (2, 0)
        record_property("refreshes", sent(lab))


@pytest.mark.parametrize("point", in_between("strict", FAMILY_ENDED))
def test_without_one_the_next_process_says_what_was_lost(
    machine: Machine, record_property: Property, point: str
) -> None:
    with machine.lab() as lab:
        kill(machine, lab, point)
        record_property("refreshes", sent(lab) + 1)
        the_loss_is_said(machine, lab)


@fault(
    "The holder of the lease is killed while others wait (grace)",
    chapter=DIES,
    made="SIGKILL while its request is at the server; four more processes wait for the lease",
)
def test_a_holder_that_is_killed_frees_its_lease_at_once(machine: Machine, record_property: Property) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        lab.faults.token_delay, lab.faults.token_times = 3.0, 1
        holder = machine.program("get", lab.mcp_url)
        wait_for(lambda: sent(lab) == 1, "the holder is at the server")
        waiting = [machine.program("get", lab.mcp_url) for _ in range(4)]
        time.sleep(1.0)  # they have started and wait; were they slower, the test would only be easier
        assert sent(lab) == 1
        killed = time.monotonic()
        machine.kill(holder)
        wait_for(lambda: sent(lab) == 2, "the next one is at the server")
        freed = time.monotonic() - killed

        assert [machine.finish(process).code for process in waiting] == [0] * 4
        assert lab.reuse_detected == 0
        record_property("freed for the next", Took(freed))
