"""`mcp-vacuum audit client`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from mcp_vacuum.audit.clients import ClientOptions, audit_client, plan, scenarios_of
from mcp_vacuum.audit.scenarios.scenario import Scenario
from mcp_vacuum.cli.auditing import Wanted, deliver, report_options
from mcp_vacuum.cli.completing import files, scenarios
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError

EXAMPLE = (
    "mcp-vacuum audit client -- python my_client.py {url}\n"
    "mcp-vacuum audit client --fail-on high -- npx -y -p mcp-remote mcp-remote-client {url}\n"
    "mcp-vacuum audit client --list-scenarios"
)


@command(EXAMPLE, context_settings={"ignore_unknown_options": True})
@click.argument("cmd", metavar="CMD...", nargs=-1, type=click.UNPROCESSED, shell_complete=files)
@click.option(
    "--scenario",
    "scenarios",
    metavar="NAME",
    multiple=True,
    shell_complete=scenarios,
    help="Play this one only, or this family, such as LAB-11; repeatable.",
)
@click.option("--list-scenarios", is_flag=True, help="Say what each scenario is, and run nothing.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 600),
    default=20.0,
    show_default=True,
    help="For each scenario.",
)
@click.option(
    "--at-once",
    metavar="N",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Scenarios at a time.",
)
@click.option("--keep-env", metavar="NAME", multiple=True, help="A variable that CMD gets too; repeatable.")
@click.option(
    "--fetch-metadata",
    is_flag=True,
    help="If CMD's client_id is a URL, GET the document there, from its maker's host.",
)
@report_options
def client(
    ui: Ui,
    cmd: tuple[str, ...],
    scenarios: tuple[str, ...],
    list_scenarios: bool,
    timeout: float,
    at_once: int,
    keep_env: tuple[str, ...],
    fetch_metadata: bool,
    wanted: Wanted,
) -> int:
    """Run any MCP client against servers that misbehave, and judge what it does.

    CMD is started once for each scenario, with {url} replaced by the URL of a server on this machine. It
    should log in and call or list tools. It starts here, but without a shell, with an empty home and none
    of your variables; the browser that it opens is a stand-in that consents. What could not be provoked is
    INCONCLUSIVE. This audit itself sends nothing beyond this machine, unless --fetch-metadata is given.
    """
    options = ClientOptions(scenarios, timeout, at_once, keep_env, fetch_metadata)
    if list_scenarios:
        _list(ui, scenarios_of(options))
        return 0
    if not cmd:
        raise UsageError("no client is named", hint="mcp-vacuum audit client -- CMD... {url}")
    played = plan(cmd, options)
    ui.progress(f"{len(played)} scenarios, {at_once} at a time")
    with ui.counting([scenario.name for scenario in played]) as done, _orderly_end():
        report = audit_client(cmd, options, done=done)
    return deliver(ui, wanted, [report])


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Take a request to end, as CI makes it, for Ctrl-C: the clients that run end first."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(ui: Ui, scenarios: Sequence[Scenario]) -> None:
    rows = [(scenario.name, scenario.what) for scenario in scenarios]
    members = {"scenarios": [{"scenario": name, "what": what} for name, what in rows]}
    ui.result(members, ui.table(("scenario", "what misbehaves"), rows))
