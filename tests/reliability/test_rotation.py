"""A vault's key changed while others work with it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

from mcp_vacuum.storage.rotation import rotate_key
from tests.helpers import wait_for

from .machine import Machine
from .report import fault

CROWD, ROTATIONS = 8, 6
Property = Callable[[str, object], None]


def _busy(machine: Machine, url: str, stop: str) -> subprocess.Popen[str]:
    return machine.program("busy", url, stop, MCP_VACUUM_KEY_SOURCE="")


@fault(
    "The key of the vault is changed while 8 processes read and refresh (strict)",
    chapter="Many at once",
    made="`vault rotate-key` six times, from the key file to another one and back",
)
def test_a_key_changed_under_a_crowd(machine: Machine, record_property: Property) -> None:
    stop, other = machine.root / "stop", f"file:{machine.root / 'other.key'}"
    with machine.lab() as lab:
        crowd = [
            machine.program("busy", lab.mcp_url, str(stop), MCP_VACUUM_KEY_SOURCE="") for _ in range(CROWD)
        ]
        wait_for(lambda: len(lab.refresh_tokens_seen()) > CROWD, "everybody at work")
        for turn in range(ROTATIONS):
            done = rotate_key(machine.home, "file" if turn % 2 else other)
            assert (done.resealed > 0, done.unopened) == (True, 0)
            time.sleep(0.2)
        stop.touch()
        ended = [machine.finish(process) for process in crowd]
        assert [each.code for each in ended] == [0] * CROWD, [each.err for each in ended]
        counts = [json.loads(each.out.splitlines()[-1]) for each in ended]
        seen = lab.refresh_tokens_seen()
        record_property("rotations", ROTATIONS)
        record_property("reads", sum(each["reads"] for each in counts))
        record_property("refreshes", sum(each["refreshes"] for each in counts))

        assert len(seen) == len(set(seen))
        assert lab.reuse_detected == 0
        assert min(each["refreshes"] for each in counts) > 0
