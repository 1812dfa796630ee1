"""The search that follows each test would find what is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import wait_for

from .machine import Machine

WAITS = "input()"


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[Machine]:
    """A machine within the machine, on which a test may leave anything."""
    machine = Machine(tmp_path / "careless")
    machine.root.mkdir()
    yield machine
    for process in machine.started:
        process.kill()
        process.communicate()
    machine.watch.stop()


def start(machine: Machine, *arguments: str, **more: str) -> subprocess.Popen[str]:
    machine.more.update(more)
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, *arguments],
        env=machine.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    machine.started.append(process)
    wait_for(lambda: process.pid in machine.watch.look(), "it has started")
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("place", ["argument", "environment", "file", "output", "nowhere"])
@pytest.mark.parametrize("form", ["plain", "hex"])
def test_a_secret_is_found_wherever_it_is(careless: Machine, place: str, form: str) -> None:
    with careless.lab() as lab:
        secret = lab.issued_refresh_tokens[0]
        text = f"x{secret if form == 'plain' else secret.encode().hex()}x"
        if place == "argument":
            start(careless, text)
        elif place == "environment":
            start(careless, SOMETHING=text)
        elif place == "file":
            (careless.root / "note").write_text(text)
        elif place == "output":
            careless.heard(text)
        careless.watch.look()
        if place == "nowhere":
            careless.search()
        else:
            with pytest.raises(AssertionError):
                careless.search()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_stays_is_found_and_ended(careless: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.reliability.machine.LAST_BREATH", 0.2)
    process = start(careless)
    careless.started.clear()  # nobody remembers it, as with a daemon
    with pytest.raises(AssertionError, match="left behind"):
        careless.close()

    wait_for(lambda: process.poll() is not None, "it was ended")
    process.communicate()
