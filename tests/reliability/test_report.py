"""The page says what the run saw, and nothing that it did not see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .report import PAGE, ROOT, Took

pytestmark = pytest.mark.long

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
CONFTEST = """
from tests.reliability.report import pytest_addoption, pytest_configure
"""
SUITE = """
import pytest
from tests.reliability.report import fault

@fault("The earth quakes", chapter="The disk", made="it is shaken", lost={lost!r})
def test_quake(record_property):
    record_property("shocks", 3)
    {body}

@pytest.mark.parametrize("number", [1, 2])
@fault("It rains", chapter="The clock", made="water | from above")
def test_rain(number):
    pass
"""
ROWS = [
    "| The earth quakes | it is shaken | nothing | shocks: 3 | [`test_quake`](../test_it.py) |",
    "| It rains | water \\| from above | nothing |  | [`test_rain`](../test_it.py) |",
]


class Suite:
    """A small suite of its own, run by a pytest of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.page = place / "page.md"
        (place / "conftest.py").write_text(CONFTEST)
        (place / "pytest.ini").write_text("[pytest]\n")

    def run(self, *options: str, body: str = "pass", lost: str = "nothing") -> tuple[int, str]:
        (self.place / "test_it.py").write_text(SUITE.format(body=body, lost=lost))
        done = subprocess.run(
            [*PYTEST, *options, "--reliability-page", str(self.page), str(self.place)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def rows(self) -> list[str]:
        return [line for line in self.page.read_text().splitlines() if "](../test_it.py)" in line]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


WRITE = "--reliability=write"
CHECK = ("--reliability=check", "--collect-only", "-q")


def test_what_passed_is_written_and_is_the_same_each_time(suite: Suite) -> None:
    assert suite.run(WRITE)[0] == 0
    first = suite.page.read_bytes()
    assert suite.run(WRITE)[0] == 0

    assert suite.rows == ROWS
    assert suite.page.read_bytes() == first
    assert suite.run(*CHECK)[0] == 0


@pytest.mark.parametrize("body", ["assert False", "raise OSError", "pytest.fail()"])
def test_a_test_that_fails_is_never_written_as_passed(suite: Suite, body: str) -> None:
    code, said = suite.run(WRITE, body=body)

    assert code == 1
    assert "was not written" in said
    assert not suite.page.exists()


def test_what_did_not_run_shows_nothing(suite: Suite) -> None:
    assert suite.run(WRITE, body="pytest.skip('no earth here')")[0] == 0

    assert suite.rows[0].split("|")[3].strip() == "*not shown: no earth here*"
    assert "shocks" not in suite.rows[0]
    assert suite.run(*CHECK)[0] == 0


def test_the_page_has_to_say_what_the_tests_say(suite: Suite) -> None:
    suite.run(WRITE)
    code, said = suite.run(*CHECK, lost="the city")

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "page.md is stale, run make reliability" in said
    text = suite.page.read_text()
    for other in (text.replace(ROWS[0] + "\n", ""), text.replace("It rains", "It snows"), ""):
        suite.page.write_text(other)
        assert suite.run(*CHECK)[0] == pytest.ExitCode.USAGE_ERROR


def test_what_is_counted_is_printed(suite: Suite) -> None:
    assert "The earth quakes: shocks: 3\n" in suite.run()[1]


def test_a_time_is_shown() -> None:
    assert [str(Took(0.0123)), str(Took(2.52))] == ["12 ms", "2.5 s"]


def test_the_page_names_no_machine() -> None:
    assert str(ROOT) not in PAGE.read_text(encoding="utf-8")
