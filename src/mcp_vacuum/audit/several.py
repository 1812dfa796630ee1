"""Many targets at once, a few at a time; one that cannot be audited does not stop the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.errors import VacuumError

AT_ONCE = 8
"""Targets; each sends a few requests at a time of its own."""

Audit = Callable[[str], Awaitable[SecurityReport]]


async def each_of(
    targets: Sequence[str],
    audit: Audit,
    *,
    at_once: int = AT_ONCE,
    done: Callable[[str], None] = lambda target: None,
) -> dict[str, SecurityReport | VacuumError]:
    """Audit every target, and return its report or why there is none, in the order of `targets`.

    Args:
        targets: One that is named twice is audited once.
        audit: Such as `auditor.audit_server`.
        at_once: How many audits run at the same time.
        done: Called after each.
    """
    results: dict[str, SecurityReport | VacuumError] = {}
    slots = anyio.CapacityLimiter(at_once)

    async def one(target: str) -> None:
        async with slots:
            try:
                results[target] = await audit(target)
            except VacuumError as error:
                results[target] = error
        done(target)

    wanted = list(dict.fromkeys(targets))
    async with anyio.create_task_group() as group:
        for target in wanted:
            group.start_soon(one, target)
    return {target: results[target] for target in wanted}
