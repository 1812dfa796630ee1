"""Active audits of laboratories, for tests of the evidence and of what rules can and cannot tell of it."""

from __future__ import annotations

from dataclasses import replace

import anyio

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_audit import collect_active
from mcp_vacuum.audit.evidence.active_session import ActiveOptions, Waiting
from mcp_vacuum.audit.evidence.server import collect_server
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Kind, Rule
from mcp_vacuum.lab import Lab, LabConfig, Recorded
from mcp_vacuum.login_options import Progress, Ways, silent
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.audit.planted.active import OPTIONS, passing, person

Honest = tuple[ActiveEvidence, tuple[Recorded, ...]]
"""What an audit saw of a server, and what that server saw of it."""


def collected(
    lab: Lab,
    options: ActiveOptions = OPTIONS,
    ways: Ways = person,
    progress: Progress = silent,
    wait: Waiting | None = None,
) -> ActiveEvidence:
    """Audit a running laboratory, and return what was seen."""

    async def run() -> ActiveEvidence:
        async with Wire(NetworkPolicy("127.0.0.1"), most=500) as wire:
            server = await collect_server(wire, lab.mcp_url)
            return await collect_active(
                wire, server, options, ways=ways, progress=progress, wait=wait or passing(lab)
            )

    return anyio.run(run)


def seen_of(config: LabConfig) -> tuple[ActiveEvidence, tuple[Recorded, ...]]:
    """Audit an honest laboratory, and return what was seen there and here."""
    with Lab(config) as lab:
        return collected(lab), lab.recorder.requests


def judged_actively(rule: Rule, seen: ActiveEvidence) -> Judgement:
    """Apply the active check of a rule."""
    (judgement,) = judge((rule,), {Kind.ACTIVE: seen}, (Kind.ACTIVE,))
    return judgement


def altered(seen: ActiveEvidence, **exchanges: Exchange | None) -> ActiveEvidence:
    """Return evidence with other answers, or without some; `_` stands for a blank in a name."""
    changed = {name.replace("_", " "): exchange for name, exchange in exchanges.items()}
    together = {**seen.seen, **changed}
    return replace(seen, seen={name: each for name, each in together.items() if each is not None})
