"""`mcp-vacuum audit`: a group of its own; each target is `commands/audit_<name>.py`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.main import LazyGroup, global_flags

TARGETS = {
    "server": "Check MCP servers and their authorization servers.",
    "client": "Run any client against servers that misbehave.",
    "store": "Check what is kept on this machine, also by other programs.",
    "config": "Check the configuration files of MCP clients.",
    "rules": "List the rules, and which of them are checked.",
}
"""Name and one line of help; the command itself lives in `commands/audit_<name>.py`."""


class AuditGroup(LazyGroup):
    """The targets of an audit."""

    table = TARGETS
    prefix = "audit_"


@click.group(
    cls=AuditGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  mcp-vacuum audit server https://mcp.example.com/mcp --fail-on medium",
)
@global_flags
def audit() -> None:
    """Find out how safe a server, a client or this machine is."""
