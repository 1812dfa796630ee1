"""Many targets, a few at a time."""

from __future__ import annotations

import anyio

from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.several import each_of
from mcp_vacuum.errors import ServerUnavailable
from tests.audit.planted.server import audited


def test_bounded_in_order_and_one_failure_stops_nobody() -> None:
    report = audited()
    running = most = 0
    told: list[str] = []

    async def audit(target: str) -> SecurityReport:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(0.01)
        running -= 1
        if target == "t3":
            raise ServerUnavailable("gone")
        return report

    targets = [f"t{n}" for n in range(10)] + ["t0"]
    found = anyio.run(lambda: each_of(targets, audit, at_once=3, done=told.append))

    assert list(found) == targets[:10]
    assert most == 3
    assert isinstance(found["t3"], ServerUnavailable)
    assert all(each is report for name, each in found.items() if name != "t3")
    assert sorted(told) == sorted(targets[:10])
