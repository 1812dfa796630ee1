"""Runs a client of anybody in the laboratory, a scenario at a time, and judges what it did."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.client import CONTROL, ClientEvidence, Run
from mcp_vacuum.audit.evidence.client_document import fetch_documents
from mcp_vacuum.audit.evidence.client_run import URL, Limits, perform
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.last_words import last_words
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import SecurityReport, Unexamined, report_of
from mcp_vacuum.audit.rule import Kind
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.audit.scenarios import SCENARIOS, chosen
from mcp_vacuum.audit.scenarios.scenario import Scenario
from mcp_vacuum.errors import UsageError

Done = Callable[[str], None]
"""Called with the name of each scenario that is over."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client is audited.

    Attributes:
        scenarios: Names or families; all if empty. The control is always played.
        timeout: Seconds that the client has in each.
        at_once: How many are played at the same time.
        keep_env: Variables of the environment that the client gets.
        fetch_metadata: GET the metadata document that the client names as its client_id, where its maker
            hosts it.
    """

    scenarios: tuple[str, ...] = ()
    timeout: float = 20.0
    at_once: int = 2
    keep_env: tuple[str, ...] = ()
    fetch_metadata: bool = False


def scenarios_of(options: ClientOptions) -> tuple[Scenario, ...]:
    """Return the scenarios that are asked for.

    Raises:
        UsageError: There is no such scenario.
    """
    try:
        return chosen(options.scenarios)
    except KeyError as unknown:
        raise UsageError(
            f"there is no scenario {unknown.args[0]!r}", hint="mcp-vacuum audit client --list-scenarios"
        ) from None


def plan(command: Sequence[str], options: ClientOptions) -> tuple[Scenario, ...]:
    """Return what will be played with a client.

    Raises:
        UsageError: No argument contains ``{url}``, or there is no such scenario.
    """
    if not any(URL in argument for argument in command[1:]):
        raise UsageError(f"no argument of the client contains {URL}", hint="say where the server's URL goes")
    return scenarios_of(options)


def audit_client(
    command: Sequence[str], options: ClientOptions | None = None, *, done: Done = lambda name: None
) -> SecurityReport:
    """Run a client against the misbehaving servers of the laboratory, and judge what it did.

    Args:
        command: The client with its arguments; ``{url}`` in an argument becomes the URL of a server.
        options: What to play, and how.
        done: Called after each scenario.

    Returns:
        The report; its `unexamined` says why if the client does not work even where nothing misbehaves.

    Raises:
        UsageError: No argument contains ``{url}``, there is no such scenario, or no such program.
    """
    options = options or ClientOptions()
    evidence = collect_client(command, options, done)
    judgements = judge(CATALOGUE, {Kind.CLIENT: evidence}, (Kind.CLIENT,))
    report = report_of(shlex.join(evidence.command), judgements)
    unexamined = _unexamined(report.target, evidence, options.keep_env)
    return replace(report, exchanges=_shown(evidence, report), unexamined=unexamined)


def collect_client(command: Sequence[str], options: ClientOptions, done: Done) -> ClientEvidence:
    """Run a client in every scenario that is asked for.

    Raises:
        UsageError: See `audit_client`.
    """
    wanted = plan(command, options)
    limits = Limits(options.timeout, options.keep_env, threading.Event())
    runs = _all(command, wanted, limits, options.at_once, done)
    if runs and runs[0].ended == "not started":
        raise UsageError(f"the client cannot be started: {runs[0].stderr}")
    played = {run.scenario for run in runs}
    left_out = tuple(scenario.name for scenario in SCENARIOS if scenario.name not in played)
    evidence = ClientEvidence(tuple(command), _numbered(runs), left_out)
    if not options.fetch_metadata:
        return evidence
    return replace(evidence, documents=fetch_documents(url for url, _ in evidence.document_urls))


def _all(
    command: Sequence[str], wanted: Sequence[Scenario], limits: Limits, at_once: int, done: Done
) -> tuple[Run, ...]:
    """Play them; whatever interrupts this ends the clients that run before it goes on.

    A client that sends nothing even to the control shows nothing in the others, so they are left out.
    """

    def play(scenario: Scenario) -> Run:
        run = perform(command, scenario, limits)
        done(scenario.name)
        return run

    with ThreadPoolExecutor(at_once, thread_name_prefix="audit-client") as pool:
        futures: list[Future[Run]] = []
        try:
            first = play(wanted[0])
            if not first.exchanges:
                return (first,)
            futures = [pool.submit(play, scenario) for scenario in wanted[1:]]
            return (first, *(future.result() for future in futures))
        except BaseException:
            limits.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _numbered(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Number the exchanges through all runs."""
    numbered, last = [], 0
    for run in runs:
        numbered.append(
            replace(run, exchanges=tuple(replace(each, number=last + each.number) for each in run.exchanges))
        )
        last += len(run.exchanges)
    return tuple(numbered)


def _unexamined(target: str, evidence: ClientEvidence, kept: Sequence[str]) -> Unexamined | None:
    """Say why nothing follows from what the client did not do, and what it printed in the control.

    Args:
        target: What was audited.
        evidence: What it did.
        kept: Variables that it got; their values are not shown.
    """
    control = evidence.control
    if control is None or not evidence.uncontrolled:
        return None
    own = [secret for place in control.places for secret in place.secrets]
    mask = Mask(control.exchanges, [*own, *(os.environ.get(name, "") for name in kept)])
    said = last_words(control.stderr, mask) or last_words(control.stdout, mask)
    return Unexamined(mask.url(target), evidence.uncontrolled, said)


def _shown(evidence: ClientEvidence, report: SecurityReport) -> tuple[Exchange, ...]:
    """Return the recording that belongs to the report: the control, and the runs with findings."""
    found = {each.finding.where for each in report.findings}
    return tuple(
        exchange
        for run in evidence.runs
        if run.scenario == CONTROL or f"scenario {run.scenario}" in found
        for exchange in run.exchanges
    )
