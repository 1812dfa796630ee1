"""A passive audit: of one server, beside the same requests sent by the HTTP library alone, and of fifty."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import anyio
import httpcore2

from benchmarks.measure import Timed, taking_turns
from benchmarks.table import Row, Section
from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.evidence.wire import AT_ONCE
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import App, Request, Response

ROUNDS = 15
FAR = 0.03
"""Seconds that an answer takes, as of a server in the same country."""
LIMIT = 1.3
MANY, TURNS = 50, 3
FORMATS = ("text", "html")
_SMALL_PARENT = """
import os, subprocess, sys
started = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(started.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""
"""A child's peak begins at the size of whoever starts it, and this process is large."""


def passive_audit() -> Section:
    """Audit a laboratory that answers at once, and one that is a network away."""
    rows: list[Row] = []
    with Lab() as lab:
        for name, delay in (
            ("a server that answers at once", 0.0),
            (f"one that takes {FAR * 1000:.0f} ms", FAR),
        ):
            lab.faults.around = _after(delay)
            rows += _rows(name, lab.mcp_url)
    return Section(f"Passive audit of one server, {ROUNDS} runs", rows)


def many_servers() -> Section:
    """Audit many laboratories in one run of the command, and one, to tell them apart from its start."""
    with ExitStack() as labs:
        urls = [labs.enter_context(Lab()).mcp_url for _ in range(MANY)]
        rows = [row for count in (1, MANY) for name in FORMATS for row in _whole(name, urls[:count])]
    return Section(f"`mcp-vacuum audit server URL...`, the whole process, {TURNS} runs each", rows)


def _whole(name: str, urls: Sequence[str]) -> list[Row]:
    runs = [_process(name, urls) for _ in range(TURNS)]
    what = f"{len(urls)} server{'' if len(urls) == 1 else 's'}, --format {name}"
    return [
        Row(f"{what}: wall time", median(seconds for seconds, _ in runs), "s"),
        Row(f"{what}: peak memory", median(size for _, size in runs), "MB"),
    ]


def _process(name: str, urls: Sequence[str]) -> tuple[float, float]:
    """Return the seconds and megabytes of one run; the laboratories are in this process, not in that."""
    program = str(Path(sys.executable).with_name("mcp-vacuum"))
    began = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _SMALL_PARENT,
            program,
            "audit",
            "server",
            *urls,
            "--format",
            name,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    taken = time.perf_counter() - began
    status, most = map(int, done.stdout.split())
    if status:
        raise RuntimeError(f"the audit of {len(urls)} servers ended with {status}")
    return taken, most / (2**20 if sys.platform == "darwin" else 2**10)


def _rows(name: str, url: str) -> list[Row]:
    exchanges = anyio.run(audit_server, url).exchanges
    audit, bare = "audit", "bare"
    taken = taking_turns({audit: _timed(audit_server, url), bare: _timed(_bare, exchanges)}, ROUNDS)
    return [
        Row(f"{name}: the audit", taken[audit] * 1000, "ms"),
        Row(f"{name}: its {len(exchanges)} requests alone", taken[bare] * 1000, "ms"),
        Row(f"{name}: ratio", taken[audit] / taken[bare], "x", None, f"<= {LIMIT}"),
    ]


def _timed(work: Callable[..., Awaitable[object]], *arguments: object) -> Timed:
    def once() -> float:
        began = time.perf_counter()
        anyio.run(work, *arguments)
        return time.perf_counter() - began

    return once


async def _bare(exchanges: tuple[Exchange, ...]) -> None:
    """Send the requests again: as many at once, and none before the answer that told where it goes."""
    async with httpcore2.AsyncConnectionPool() as pool:
        for batch in _batches(exchanges):
            await _together(pool, batch)


def _batches(exchanges: tuple[Exchange, ...]) -> list[list[Exchange]]:
    """What the audit had begun before the first answer of a batch came."""
    batches: list[list[Exchange]] = []
    for exchange in exchanges:
        ended = [each.started_at + each.seconds for each in (batches[-1] if batches else [])]
        if not ended or exchange.started_at >= max(ended):
            batches.append([])
        batches[-1].append(exchange)
    return batches


async def _together(pool: httpcore2.AsyncConnectionPool, batch: list[Exchange]) -> None:
    slots = anyio.CapacityLimiter(AT_ONCE)

    async def send(exchange: Exchange) -> None:
        request = exchange.request
        assert request is not None
        async with slots:
            await pool.request(
                request.method, request.url, headers=list(request.headers), content=request.body
            )

    async with anyio.create_task_group() as group:
        for exchange in batch:
            group.start_soon(send, exchange)


def _after(delay: float) -> Callable[[Request, App], Response]:
    def around(request: Request, app: App) -> Response:
        time.sleep(delay)
        return app(request)

    return around
