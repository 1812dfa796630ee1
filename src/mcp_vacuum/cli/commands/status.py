"""`mcp-vacuum status`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.logins import as_json, as_text, look
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT

EXAMPLE = "mcp-vacuum status mcp.example.com --json"


@command(EXAMPLE)
@click.argument("url", required=False, shell_complete=logins)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
def status(ui: Ui, url: str | None, account: str) -> None:
    """Show one login, or all of them. Asks the store and the agent only; nothing is sent to a server."""
    seen = look(url, account)
    if url is not None:
        (login,) = seen.logins
        ui.result(as_json(login), as_text(ui, login))
        return
    where = f"{len(seen.logins)} logins" if len(seen.logins) != 1 else "1 login"
    source = f", key from {seen.key_source}" if seen.key_source else ""
    text = "\n\n".join([*(as_text(ui, login) for login in seen.logins), ui.dim(f"{where}{source}")])
    ui.result({"logins": [as_json(login) for login in seen.logins], "key_source": seen.key_source}, text)
