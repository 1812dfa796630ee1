"""The agent: asked how it is, and never started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import client
from mcp_vacuum.agent.wire import Status
from mcp_vacuum.doctor.finding import Finding, failed_with, ok, warn
from mcp_vacuum.errors import VacuumError


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What an agent says of itself.

    Attributes:
        running: One answers for this state directory.
        pid: Its process; None if not known.
        version: Its package version.
        socket: Where it listens, or would.
        locked: It was told to answer nobody.
        protections: What is known of its memory: ``not dumpable``, ``not swappable``.
        error: Why the one that is there cannot be used; None if it can, or if there is none.
    """

    running: bool = False
    pid: int | None = None
    version: str | None = None
    socket: str | None = None
    locked: bool = False
    protections: tuple[str, ...] = ()
    error: VacuumError | None = None


def look_at_agent(home: Path) -> AgentFacts:
    """Ask the agent of a state directory; start none."""
    try:
        told = client.ask(home, Status())
    except client.NotRunning:
        return AgentFacts()
    except VacuumError as error:
        return AgentFacts(error=error)
    memory = told["memory"]
    words = {"core_dumps": "no core dumps", "traceable": "closed to debuggers", "swappable": "never swapped"}
    return AgentFacts(
        running=True,
        pid=told["pid"],
        version=told["version"],
        locked=told["locked"],
        protections=tuple(word for name, word in words.items() if not memory[name]),
    )


def check_agent(facts: AgentFacts) -> Finding:
    """Judge the facts."""
    if facts.error is not None:
        return failed_with("agent", facts.error)
    if not facts.running:
        return ok("agent", "not running; it is not needed")
    if facts.locked:
        return warn("agent", f"{_told(facts)}, locked", fix="mcp-vacuum agent unlock")
    if facts.version not in (None, __version__):
        return warn(
            "agent",
            f"{_told(facts)}: another version than this one",
            "it ends by itself when it notices",
            "mcp-vacuum agent stop",
        )
    return ok("agent", ", ".join((_told(facts), *facts.protections)))


def _told(facts: AgentFacts) -> str:
    pid = f" (pid {facts.pid})" if facts.pid else ""
    version = f", {facts.version}" if facts.version else ""
    return f"running{pid}{version}" + (f", {facts.socket}" if facts.socket else "")
