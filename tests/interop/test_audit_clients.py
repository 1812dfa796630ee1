"""The audit of clients that others wrote, and of ours: every finding was looked at by hand, see README.md."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_vacuum.audit.clients import ClientOptions, audit_client
from mcp_vacuum.audit.rule import Severity
from tests.audit.golden.clients import SCENARIOS, kept, lasting

from . import install

PROGRAMS = Path(__file__).parents[1] / "audit" / "clients"
OURS = f'"{sys.executable}" -m mcp_vacuum'


def mcp_remote() -> list[str]:
    folder = install.SERVERS / "mcp-remote"
    try:
        install.install(folder)
    except install.RegistryUnreachableError as error:
        pytest.skip(f"mcp-remote is not installed and npm reaches no registry: {error}")
    return [str(install.node()), str(folder / "node_modules" / "mcp-remote" / "dist" / "client.js")]


CLIENTS: dict[str, Callable[[], list[str]]] = {
    "mcp_sdk": lambda: [sys.executable, str(PROGRAMS / "sdk.py")],
    "fastmcp": lambda: [sys.executable, str(PROGRAMS / "fast.py")],
    "mcp_remote": mcp_remote,
    "mcp_vacuum": lambda: ["sh", "-c", f'{OURS} login "$0" && {OURS} tools "$0"'],
}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CLIENTS)
def test_the_report_is_the_one_that_was_looked_at(name: str) -> None:
    report = audit_client([*CLIENTS[name](), "{url}"], ClientOptions(SCENARIOS, timeout=60))

    assert lasting(report) == kept(name, report)
    if name == "mcp_vacuum":
        assert report.worst is None or report.worst <= Severity.LOW
