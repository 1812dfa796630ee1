"""Import time and start of the command line: whole processes, beside an interpreter that does nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.measure import Timed, process, taking_turns
from benchmarks.peers import installed
from benchmarks.scene import log_in, scratch_home
from benchmarks.table import Row, Section
from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.opening import open_store

ROUNDS = 21
PASS = "python -c pass"
HTTPX2 = "import httpx2"
OURS = "import mcp_vacuum"
OUR_AUTH = "from mcp_vacuum.integrations.httpx2 import VacuumAuth"
FIRST_USE = "  and with what its first request loads"
STATEMENTS = {
    PASS: ("sys", "pass"),
    OURS: ("mcp_vacuum", OURS),
    HTTPX2: ("httpx2", HTTPX2),
    OUR_AUTH: ("mcp_vacuum", OUR_AUTH),
    FIRST_USE: ("mcp_vacuum", f"{OUR_AUTH}; import mcp_vacuum.tokens.stored, mcp_vacuum.storage.vault"),
    "MCP SDK: import mcp.client.auth": ("mcp", "import mcp.client.auth"),
    "FastMCP: from fastmcp import Client": ("fastmcp", "from fastmcp import Client"),
    "Authlib: AsyncOAuth2Client": (
        "authlib",
        "from authlib.integrations.httpx_client import AsyncOAuth2Client",
    ),
    "import msal": ("msal", "import msal"),
    "import requests_oauth2client": ("requests_oauth2client", "import requests_oauth2client"),
}
"""What is shown: which package it needs, and what is run."""


def imports() -> Section:
    """Measure what importing costs."""
    commands = {
        name: process([sys.executable, "-c", statement])
        for name, (package, statement) in STATEMENTS.items()
        if installed(package)
    }
    taken = taking_turns(commands, ROUNDS)
    rows = [_row(name, taken, "<= 1.35x" if name == OURS else "") for name in STATEMENTS]
    beside = taken[OUR_AUTH] / taken[HTTPX2]
    rows.insert(
        list(STATEMENTS).index(OUR_AUTH) + 1, Row("  beside import httpx2", beside, "x", None, "<= 1.2x")
    )
    return Section(f"Import, whole process, {ROUNDS} interleaved runs", rows, PASS)


def command_line() -> Section:
    """Measure how soon a command is done."""
    program = str(Path(sys.executable).with_name("mcp-vacuum"))
    with scratch_home(), Lab() as lab:
        store = open_store()
        assert store is not None
        log_in(lab.mcp_url, store)
        environment = {**os.environ, "MCP_VACUUM_AGENT": "off"}
        commands: dict[str, Timed] = {
            PASS: process([sys.executable, "-c", "pass"]),
            "mcp-vacuum --help": process([program, "--help"]),
            "mcp-vacuum --version": process([program, "--version"]),
            "mcp-vacuum token, no agent: one refresh": process([program, "token", lab.mcp_url], environment),
        }
        taken = taking_turns(commands, ROUNDS)
    rows = [_row(name, taken, "") for name in commands]
    return Section(f"Command line, whole process, {ROUNDS} interleaved runs", rows, PASS)


def _row(name: str, taken: dict[str, float], target: str) -> Row:
    if name not in taken:
        return Row(name, None)
    return Row(name, taken[name] * 1000, "ms", taken[name] / taken[PASS], target)
