"""`mcp-vacuum audit server`."""

from __future__ import annotations

import click

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.cli.auditing import Wanted, deliver, examine, report_options
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui


@command("mcp-vacuum audit server https://mcp.example.com/mcp --format json --fail-on medium")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@report_options
def server(ui: Ui, urls: tuple[str, ...], wanted: Wanted) -> int:
    """Check MCP servers, and the authorization servers that they name, against the catalogue.

    Nothing is changed at a server and nobody logs in. With --fail-on, findings of that severity or worse
    end with exit code 10, if every server could be examined.
    """
    reports, failed = examine(ui, urls, audit_server)
    return deliver(ui, wanted, reports, failed)
