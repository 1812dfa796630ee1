"""A passive audit of one server, beside the same requests sent by the HTTP library alone."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

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
