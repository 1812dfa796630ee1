"""A client's process: its output is bounded, and nothing of it stays."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.client_home import MARK
from mcp_vacuum.audit.evidence.client_process import MOST_OUTPUT, Program, end_marked

LEAVES_CHILDREN = """
import os, subprocess, sys, time
for new in (False, True):
    sleep = [sys.executable, "-IS", "-c", "import time; time.sleep(60)"]
    child = subprocess.Popen(sleep, start_new_session=new)
    print(child.pid, flush=True)
time.sleep(60)
"""


def program(code: str, mark: str = "") -> Program:
    return Program([sys.executable, "-IS", "-c", code], {"PATH": os.defpath, MARK: mark})


def finished(running: Program) -> Program:
    while running.exit_code is None:
        time.sleep(0.01)
    running.end()
    return running


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_it_prints_is_kept() -> None:
    done = finished(program("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))

    assert (done.exit_code, done.output("stdout"), done.output("stderr")) == (3, "out\n", "err\n")


def test_too_much_output_is_cut_and_stops_nobody() -> None:
    done = finished(program(f"print('x' * {MOST_OUTPUT * 3})"))

    assert done.exit_code == 0
    assert len(done.output("stdout")) == MOST_OUTPUT


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="children are found by /proc")
def test_its_children_end_with_it_also_those_that_left_the_group() -> None:
    running = program(LEAVES_CHILDREN, "a-mark-of-this-test")
    while running.output("stdout").count("\n") < 2:
        time.sleep(0.01)
    children = [int(line) for line in running.output("stdout").split()]

    running.end()

    assert not any(alive(pid) for pid in children)


def test_without_a_mark_nobody_else_is_ended() -> None:
    running = program("import time; time.sleep(60)", "another-mark")
    end_marked("")

    assert running.exit_code is None
    running.end()
    assert running.exit_code is not None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="work is seen in /proc")
def test_work_of_the_whole_group_is_seen() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-IS', '-c', 'while True: pass'])"
    running = program(code, "a-mark-of-work")
    before = running.worked_for
    while running.worked_for - before < 5:
        time.sleep(0.05)
    running.end()

    assert running.exit_code is not None
