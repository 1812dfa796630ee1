"""A scenario played with a real program."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from mcp_vacuum.audit.evidence.client_run import Limits, perform
from mcp_vacuum.audit.scenarios.scenario import Scenario, Stage
from tests.audit.planted.client import command

CONTROL = Scenario("LAB-00", "nothing misbehaves")


def program(code: str) -> list[str]:
    return [sys.executable, "-IS", "-c", code, "{url}"]


def test_the_honest_client_logs_in_and_calls_a_tool() -> None:
    run = perform(command(), CONTROL, Limits())

    assert run.worked
    assert (run.ended, run.exit_code, run.stdout) == ("exited", 0, "3 tools\n")
    assert [answer.status for answer in run.answers] == [200]
    assert run.place.codes
    assert run.place.access_tokens


def test_a_client_that_says_nothing_more_is_ended() -> None:
    code = "import sys, time, urllib.request as u, contextlib\n"
    code += "with contextlib.suppress(Exception): u.urlopen(sys.argv[1])\ntime.sleep(60)"
    run = perform(program(code), Scenario("LAB-00", "", quiet=0.1), Limits())

    assert (run.ended, run.exit_code) == ("quiet", None)
    assert len(run.exchanges) == 1


def test_a_client_that_takes_too_long_is_ended() -> None:
    assert perform(program("import time; time.sleep(60)"), CONTROL, Limits(timeout=0.2)).ended == "timeout"


def test_a_whole_audit_that_stops_ends_its_client() -> None:
    stop = threading.Event()
    stop.set()

    assert perform(program("import time; time.sleep(60)"), CONTROL, Limits(stop=stop)).ended == "stopped"


def test_what_cannot_be_started_is_said() -> None:
    run = perform(["/no/such/program", "{url}"], CONTROL, Limits())

    assert run.ended == "not started"
    assert "/no/such/program" in run.stderr


def test_a_client_is_started_again_in_the_same_home() -> None:
    code = "import os, pathlib; p = pathlib.Path(os.environ['HOME'], 'x'); print(p.exists()); p.touch()"
    seen: list[Stage] = []
    run = perform(program(code), Scenario("LAB-19", "", again=(seen.append,)), Limits())

    assert run.stdout == "False\nTrue\n"
    assert len(seen) == 1


def test_two_of_a_client_can_be_started_at_once_in_the_same_home() -> None:
    """Each waits for the other's file, so that it ends only if both run at the same time."""
    code = "import os, pathlib, time; h = pathlib.Path(os.environ['HOME']); alone = not list(h.iterdir())\n"
    code += "(h / str(os.getpid())).touch()\n"
    code += "while not alone and len(list(h.iterdir())) < 3: time.sleep(0.01)\n"
    code += "print('both') if not alone else None"

    def two(stage: Stage) -> None:
        stage.at_once = 2

    run = perform(program(code), Scenario("LAB-24", "", again=(two,)), Limits(timeout=10))

    assert (run.ended, run.stdout) == ("exited", "both\nboth\n")


def test_nothing_stays() -> None:
    code = "import os; print(os.environ['HOME'])"
    home = Path(perform(program(code), CONTROL, Limits()).stdout.strip())

    assert home.name == "home"
    assert not home.exists()


def test_a_client_that_works_is_not_silent() -> None:
    code = "import sys, time, urllib.request as u, contextlib\n"
    code += "with contextlib.suppress(Exception): u.urlopen(sys.argv[1])\n"
    code += "end = time.process_time() + 1.5\nwhile time.process_time() < end: pass"

    assert perform(program(code), Scenario("LAB-00", "", quiet=1.2), Limits()).ended == "exited"


def test_an_address_that_is_only_printed_is_visited() -> None:
    code = "import sys, time, urllib.request as u, contextlib\nurl = sys.argv[1]\n"
    code += "with contextlib.suppress(Exception): u.urlopen(url)\n"
    code += "print('open', url + '?client_id=c', flush=True)\ntime.sleep(60)"
    run = perform(program(code), Scenario("LAB-00", "", quiet=0.3), Limits())

    assert run.ended == "quiet"
    assert [url.rpartition("?")[2] for url in run.opened] == ["client_id=c"]
    assert len(run.exchanges) == 2
