"""`mcp-vacuum audit config`."""

from __future__ import annotations

import click

from mcp_vacuum.audit.config import audit_config
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.cli.auditing import Wanted, deliver, examine, report_options
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui


@command(
    "mcp-vacuum audit config .mcp.json\n"
    "mcp-vacuum audit config ~/.cursor/mcp.json ~/.codex/config.toml\n"
    "mcp-vacuum audit config .vscode/mcp.json --fail-on medium --format sarif --output mcp.sarif"
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@report_options
def config(ui: Ui, files: tuple[str, ...], wanted: Wanted) -> int:
    """Check the configuration of MCP clients: secrets in clear, plain http, dangerous commands, OAuth.

    Understood are the files of Claude Code and Desktop, VS Code, Cursor, Windsurf, Gemini CLI, Codex (TOML),
    Zed and opencode, and the settings of an OAuth client. JSON may have comments and trailing commas.

    A file is only read: nothing in it is started, fetched or expanded. A reference such as ${TOKEN},
    ${env:TOKEN} or ${input:token} is fine; the secret itself is not.
    """
    reports, failed = examine(ui, files, _audit)
    return deliver(ui, wanted, reports, failed)


async def _audit(file: str) -> SecurityReport:
    return audit_config(file)
