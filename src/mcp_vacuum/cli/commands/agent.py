"""`mcp-vacuum agent`."""

from __future__ import annotations

import time
from typing import Any

from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.source import start_agent, unlock_agent
from mcp_vacuum.cli.main import command, command_group
from mcp_vacuum.cli.ui import Ui, duration
from mcp_vacuum.storage.home import state_home
from mcp_vacuum.storage.opening import lock_vault, vault_header
from mcp_vacuum.storage.passphrase_source import ask_on_terminal


@command_group("mcp-vacuum agent status")
def agent() -> None:
    """Control the process that keeps access tokens in memory, for all programs of yours.

    It starts by itself when a token is needed, and ends after a quarter of an hour without a request
    (MCP_VACUUM_AGENT_IDLE, in seconds). MCP_VACUUM_AGENT=off goes without it, =on insists on it.
    """


@command("mcp-vacuum agent start", agent)
def start(ui: Ui) -> None:
    """Start the agent now; no error if it is running."""
    told = start_agent()
    ui.result({"running": True, **told}, f"the agent is running (pid {told['pid']})")


@command("mcp-vacuum agent stop", agent)
def stop(ui: Ui) -> None:
    """End the agent; the tokens in its memory are gone, the logins stay."""
    try:
        client.ask(state_home(), wire.Stop())
        _wait_for_the_end()
        text = "the agent has ended"
    except client.NotRunning:
        text = "no agent was running"
    ui.result({"running": False}, text)


def _wait_for_the_end() -> None:
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        try:
            client.ask(state_home(), wire.Status())
        except client.NotRunning:
            return
        time.sleep(0.02)


@command("mcp-vacuum agent status --json", agent)
def status(ui: Ui) -> None:
    """Show whether the agent runs, what it holds, and how its memory is protected."""
    try:
        told = client.ask(state_home(), wire.Status())
    except client.NotRunning:
        ui.result({"running": False}, "no agent is running; it starts when a token is needed")
        return
    ui.result({"running": True, **told}, _text(ui, told))


def _text(ui: Ui, told: dict[str, Any]) -> str:
    memory = told["memory"]
    protections = [
        "no core dumps" if not memory["core_dumps"] else "core dumps",
        "closed to debuggers" if not memory["traceable"] else "open to debuggers of the same user",
        "never swapped" if not memory["swappable"] else "may be swapped (RLIMIT_MEMLOCK is not unlimited)",
    ]
    facts = [
        ("agent", ui.bad("locked") if told["locked"] else ui.good("running")),
        ("pid", str(told["pid"])),
        ("version", told["version"]),
        ("home", told["home"]),
        ("started", duration(told["started_at"] - time.time())),
        ("requests", str(told["requests"])),
        ("memory", ", ".join(protections)),
        *[("token", _held(each)) for each in told["holds"]],
    ]
    return ui.facts(facts)


def _held(login: dict[str, Any]) -> str:
    account = "" if login["account"] == "default" else f" (account {login['account']})"
    return f"{login['server']}{account}, ends {duration(login['seconds_left'])}"


@command("mcp-vacuum agent lock", agent)
def lock(ui: Ui) -> None:
    """Lock the vault: no program gets a token until it is unlocked, with or without the agent.

    With a passphrase this is a real lock: the key leaves the memory. With another key source it is a
    convenience, because whoever can ask that source can unlock.
    """
    try:
        client.ask(state_home(), wire.Lock())
    except client.NotRunning:
        lock_vault(state_home())
    real = (vault_header(state_home()) or {}).get("key_source") == "passphrase"
    if not real:
        ui.note("the key source of this vault gives its key without asking a person; see `vault rotate-key`")
    ui.result({"locked": True, "needs_passphrase": real}, "locked")


@command("mcp-vacuum agent unlock", agent)
def unlock(ui: Ui) -> None:
    """Unlock the vault; a passphrase is read from the terminal."""
    unlock_agent(ask_on_terminal)
    ui.result({"locked": False}, "unlocked")
