"""--format, --output, --fail-on, and exit codes, for every audit."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from mcp_vacuum.cli.auditing import waiter
from mcp_vacuum.cli.ui import Settings, Ui
from mcp_vacuum.lab import Lab

from .conftest import CommandLine


@pytest.mark.parametrize(
    ("level", "code"), [("critical", 0), ("high", 10), ("medium", 10), ("low", 10), ("info", 10)]
)
def test_findings_reach_fail_on_or_they_do_not(cli: CommandLine, lab: Lab, level: str, code: int) -> None:
    lab.faults.no_pkce_advertised = True

    assert cli("audit", "server", lab.mcp_url, "--fail-on", level).code == code


def test_without_fail_on_findings_are_no_failure(cli: CommandLine, lab: Lab) -> None:
    lab.faults.no_pkce_advertised = True

    assert "AS-PKCE-01" in cli.ok("audit", "server", lab.mcp_url).out


def test_json_by_either_flag(cli: CommandLine, lab: Lab) -> None:
    one = cli.ok("audit", "server", lab.mcp_url, "--json").json
    other = cli.ok("audit", "server", lab.mcp_url, "--format", "json").json

    assert one == other
    assert one["target"] == lab.mcp_url


def test_flags_that_contradict_each_other(cli: CommandLine, lab: Lab) -> None:
    assert cli("audit", "server", lab.mcp_url, "--json", "--format", "text").code == 2


def test_a_report_in_a_file(cli: CommandLine, lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "report.json"
    done = cli.ok("audit", "server", lab.mcp_url, "--format", "json", "--output", str(place))

    assert done.out == ""
    assert json.loads(place.read_text())["target"] == lab.mcp_url


def test_a_file_that_cannot_be_written(cli: CommandLine, lab: Lab, tmp_path: Path) -> None:
    for place in (tmp_path / "no" / "where", tmp_path):
        done = cli("audit", "server", lab.mcp_url, "--output", str(place))

        assert done.code == 2
        assert "cannot be written" in done.err
        assert "fix: --output" in done.err
    assert lab.recorder.requests == ()


def test_looking_whether_a_file_can_be_written_changes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    kept, new = tmp_path / "kept", tmp_path / "new"
    kept.write_text("the report of yesterday")
    for place in (kept, new):
        cli("audit", "server", "http://127.0.0.1:1/mcp", "--output", str(place))

    assert kept.read_text() == "the report of yesterday"
    assert not new.exists()


def test_a_report_in_a_pipe(cli: CommandLine, lab: Lab, tmp_path: Path) -> None:
    pipe, came = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_text()))
    reader.start()
    cli.ok("audit", "server", lab.mcp_url, "--output", str(pipe))
    reader.join(30)

    assert came[0].startswith(lab.mcp_url)


def test_a_dash_is_stdout(cli: CommandLine, lab: Lab) -> None:
    assert cli.ok("audit", "server", lab.mcp_url, "--output", "-").out.startswith(lab.mcp_url)


def test_what_is_waited_for_is_shown_every_second_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now, shown = [100.0], list[float]()

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    @contextmanager
    def counting_down(self: Ui, what: str, seconds: float) -> Iterator[Callable[[float], None]]:
        yield shown.append

    monkeypatch.setattr(anyio, "current_time", lambda: now[0])
    monkeypatch.setattr(anyio, "sleep", sleep)
    monkeypatch.setattr(Ui, "counting_down", counting_down)
    asyncio.run(waiter(Ui(Settings()))(2.5, "a code"))  # type: ignore[arg-type]

    assert shown == [2.5, 1.5, 0.5]
    assert now == [102.5]
