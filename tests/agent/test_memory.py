"""What the system says about the memory of a process that asked for protection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.running import NEEDS_PROC, Home

PROGRAM = """
import json, resource, ctypes
from dataclasses import asdict
try:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (@, @))
except ValueError:
    print("{}")
    raise SystemExit

from mcp_vacuum.agent.memory import protect
said = asdict(protect())
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
limits = open("/proc/self/limits").read()
print(json.dumps({
    "said": said,
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "core": [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")][0],
    "locked_kb": int(status["VmLck"].split()[0]),
}))
"""


def protected(limit: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("@", str(limit))],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@NEEDS_PROC
class TestProtect:
    def test_it_says_what_the_kernel_says(self) -> None:
        found = protected(64 * 1024)

        assert found["said"] == {"core_dumps": False, "traceable": False, "swappable": True}
        assert (found["dumpable"], found["core"], found["locked_kb"]) == (0, ["0", "0"], 0)

    def test_with_room_for_it_no_page_is_swapped(self) -> None:
        found = protected(-1)
        if not found:
            pytest.skip("the limit for locked memory cannot be raised here")

        assert found["said"] == {"core_dumps": False, "traceable": False, "swappable": False}
        assert isinstance(found["locked_kb"], int)
        assert found["locked_kb"] > 1000


@NEEDS_PROC
class TestTheAgent:
    def test_it_is_protected_as_its_status_says(self, home: Home, url: str) -> None:
        pid = home.start()
        status = home.status()
        assert status is not None
        process = Path(f"/proc/{pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        core = next(line for line in (process / "limits").read_text().splitlines() if "core file" in line)

        assert status["memory"]["core_dumps"] is False
        assert core.split()[4:6] == ["0", "0"]
        assert status["memory"]["traceable"] is False
        # The files of a process that may not be dumped belong to root, whoever runs it.
        assert (process / "maps").stat().st_uid == 0
        assert status["memory"]["swappable"] is (int(fields["VmLck"].split()[0]) == 0)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every process")
    def test_its_own_user_cannot_read_its_memory(self, home: Home, url: str) -> None:
        pid = home.start()
        with pytest.raises(PermissionError):
            Path(f"/proc/{pid}/mem").open("rb").close()
