"""What is known of the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.doctor.agent import AgentFacts, check_agent, look_at_agent
from mcp_vacuum.errors import StorageError


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        (look_at_agent(Path("/nowhere")), "ok", "not running"),
        (AgentFacts(running=True, pid=42, version=__version__), "ok", "running (pid 42)"),
        (AgentFacts(running=True, protections=("not dumpable",)), "ok", "not dumpable"),
        (AgentFacts(running=True, socket="/run/x.sock"), "ok", "/run/x.sock"),
        (AgentFacts(running=True, locked=True), "warn", "locked"),
        (AgentFacts(running=True, version="0.0.1"), "warn", "another version"),
        (AgentFacts(error=StorageError("the socket is another user's")), "fail", "another user's"),
    ],
)
def test_verdicts(facts: AgentFacts, verdict: str, words: str) -> None:
    found = check_agent(facts)

    assert found.verdict == verdict
    assert words in found.what
