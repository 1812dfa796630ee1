"""Each test of this folder has a machine of its own, and is searched for secrets when it is over."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from .machine import Machine

SAID = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real processes, disks and keyrings take their time: this room belongs to the long run."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("fault"):
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[SAID] = report.capstdout + report.capstderr + report.caplog
    return report


@pytest.fixture(autouse=True)
def machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """A machine without an agent, with a real vault and its key in a file."""
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    monkeypatch.setenv("MCP_VACUUM_AGENT", "off")
    machine = Machine(tmp_path)
    monkeypatch.setenv("MCP_VACUUM_HOME", str(machine.home))
    try:
        yield machine
        machine.heard(request.node.stash.get(SAID, ""))
        machine.search()
    finally:
        machine.close()
