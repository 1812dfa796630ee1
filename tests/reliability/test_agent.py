"""The agent: one refresh for all processes of a machine, and nothing lost when it dies."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.safety.secret import shown
from tests.helpers import wait_for

from .machine import Machine, sent
from .report import fault

AGENT = "The agent"
CROWD = 16
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("mcp_vacuum.agent") is None, reason="there is no mcp_vacuum.agent yet"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="there is no agent on Windows"),
]
Property = Callable[[str, object], None]


@dataclass
class Agent:
    """The agent of a machine, seen from outside."""

    machine: Machine

    @property
    def status(self) -> dict[str, Any]:
        return self.machine.ok("agent", "status", "--json").json

    @property
    def pid(self) -> int:
        status = self.status
        assert status["running"] is True, status
        return int(status["pid"])

    @property
    def sockets(self) -> list[Path]:
        return [path for path in self.machine.root.rglob("*.sock") if path.is_socket()]

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in self.machine.watch.look(), "the agent is gone")

    def token(self, url: str) -> subprocess.Popen[str]:
        return self.machine.start("token", url)

    def tokens(self, processes: list[subprocess.Popen[str]]) -> set[str]:
        """What may be shown of the tokens that these commands print."""
        done = [self.machine.finish(process, prints_a_token=True) for process in processes]
        assert [each.code for each in done] == [0] * len(done), [each.err for each in done]
        return {shown(each.out.strip()) for each in done}


@pytest.fixture
def agent(machine: Machine) -> Iterator[Agent]:
    """The agent is allowed, and does not run yet; it is stopped at the end."""
    runtime = machine.root / "r"  # a short name: the path of a socket has to fit into 100 bytes
    runtime.mkdir(mode=0o700)
    machine.more |= {"XDG_RUNTIME_DIR": str(runtime), "MCP_VACUUM_AGENT": "auto"}
    agent = Agent(machine)
    yield agent
    machine.run("agent", "stop")


def newest(lab: Lab) -> set[str]:
    return {shown(lab.issued_access_tokens[-1])}


@fault(
    "16 processes at once, and no agent runs yet (strict)",
    chapter=AGENT,
    made="16 `mcp-vacuum token` are started together; the server takes 0.5 s to answer",
)
def test_a_crowd_starts_one_agent_and_is_one_refresh(
    machine: Machine, agent: Agent, record_property: Property
) -> None:
    with machine.lab() as lab:
        lab.faults.token_delay = 0.5
        got = agent.tokens([agent.token(lab.mcp_url) for _ in range(CROWD)])
        record_property("processes", CROWD)
        record_property("refreshes", sent(lab))

        assert got == newest(lab)
        assert (sent(lab), lab.reuse_detected) == (1, 0)
        assert machine.watch.look() == [agent.pid]


@fault(
    "16 processes at once, shells and Python programs (strict)",
    chapter=AGENT,
    made="an agent runs; eight commands and eight programs with a TokenSource are started together",
)
def test_a_mixed_crowd_is_one_refresh(machine: Machine, agent: Agent, record_property: Property) -> None:
    with machine.lab() as lab:
        machine.ok("agent", "start")
        lab.faults.token_delay = 0.5
        programs = [machine.program("from_agent", lab.mcp_url) for _ in range(CROWD // 2)]
        commands = [agent.token(lab.mcp_url) for _ in range(CROWD // 2)]
        printed = {machine.finish(program).out.strip() for program in programs}
        record_property("refreshes", sent(lab))

        assert agent.tokens(commands) == printed == newest(lab)
        assert (sent(lab), lab.reuse_detected) == (1, 0)


@fault(
    "The agent is killed while it holds an access token (strict)",
    chapter=AGENT,
    made="SIGKILL; its socket stays behind and is stale",
    lost="its access token, which the next refresh replaces",
)
def test_killed_while_idle(machine: Machine, agent: Agent, record_property: Property) -> None:
    with machine.lab() as lab:
        agent.tokens([agent.token(lab.mcp_url)])
        first = agent.pid
        agent.kill()
        assert agent.sockets, "there is no stale socket: nothing was tested"
        got = agent.tokens([agent.token(lab.mcp_url)])
        record_property("refreshes", sent(lab))

        assert got == newest(lab)
        assert agent.pid != first
        assert (sent(lab), lab.reuse_detected) == (2, 0)


@fault(
    "The agent is killed while 16 processes wait for it (grace)",
    chapter=AGENT,
    made="SIGKILL when its refresh has arrived at the server, which rotates all the same",
)
def test_killed_while_all_wait(machine: Machine, agent: Agent, record_property: Property) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        machine.ok("agent", "start")
        pid = agent.pid
        lab.faults.token_delay, lab.faults.token_times = 2.0, 1
        crowd = [agent.token(lab.mcp_url) for _ in range(CROWD)]
        wait_for(lambda: sent(lab) == 1, "the refresh is at the server")
        os.kill(pid, signal.SIGKILL)
        agent.tokens(crowd)
        record_property("processes that got a token", CROWD)

        assert lab.reuse_detected == 0
        assert agent.tokens([agent.token(lab.mcp_url)]) <= {
            shown(token) for token in lab.issued_access_tokens
        }


@fault(
    "Eight agents are started at once",
    chapter=AGENT,
    made="eight `mcp-vacuum agent start` together",
)
def test_one_agent_a_home(machine: Machine, agent: Agent, record_property: Property) -> None:
    machine.store().close()
    starters = [machine.start("agent", "start") for _ in range(8)]
    assert [machine.finish(starter).code for starter in starters] == [0] * 8
    wait_for(lambda: len(machine.watch.look()) == 1, "one agent is left")
    record_property("agents", 1)

    assert machine.watch.look() == [agent.pid]


@fault(
    "A locked agent is killed",
    chapter=AGENT,
    made="SIGKILL after `agent lock`; then a command that would do without an agent",
    lost="nothing; it stays locked until it is unlocked",
)
def test_the_lock_outlives_the_agent(machine: Machine, agent: Agent) -> None:
    with machine.lab() as lab:
        machine.ok("agent", "start")
        machine.ok("agent", "lock")
        assert machine.run("token", lab.mcp_url).code == 6
        agent.kill()
        assert machine.run("token", lab.mcp_url).code == 6
        assert machine.get(lab).code == 6
        assert sent(lab) == 0
        machine.ok("agent", "unlock")

        assert agent.tokens([agent.token(lab.mcp_url)]) == newest(lab)


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(
            "socket", marks=fault("The agent's socket is deleted", chapter=AGENT, made="the file is unlinked")
        ),
        pytest.param(
            "home",
            marks=fault("The agent's home is moved away", chapter=AGENT, made="the directory is renamed"),
        ),
    ],
)
def test_an_agent_that_nobody_can_reach_ends(machine: Machine, agent: Agent, gone: str) -> None:
    with machine.lab() as lab:
        agent.tokens([agent.token(lab.mcp_url)])
        pid = agent.pid
        away = machine.root / "away"
        if gone == "home":
            machine.home.rename(away)
        else:
            for socket in agent.sockets:
                socket.unlink()
        wait_for(lambda: pid not in machine.watch.look(), "the agent has ended")
        if gone == "home":
            away.rename(machine.home)

        assert agent.tokens([agent.token(lab.mcp_url)]) == newest(lab)
        assert lab.reuse_detected == 0


@fault(
    "The agent ends because nobody needs it (strict)",
    chapter=AGENT,
    made="MCP_VACUUM_AGENT_IDLE=1",
    lost="its access token, which the next refresh replaces",
)
def test_idle(machine: Machine, agent: Agent) -> None:
    machine.more["MCP_VACUUM_AGENT_IDLE"] = "1"
    with machine.lab() as lab:
        agent.tokens([agent.token(lab.mcp_url)])
        wait_for(lambda: machine.watch.look() == [], "the agent has ended")

        assert agent.tokens([agent.token(lab.mcp_url)]) == newest(lab)
        assert lab.reuse_detected == 0
