"""`mcp-vacuum logout`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.logins import opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.login import logout_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT

EXAMPLE = "mcp-vacuum logout mcp.example.com"


@command(EXAMPLE)
@click.argument("url")
@click.option("--account", default=DEFAULT_ACCOUNT, help="Which of several logins to this server.")
def logout(ui: Ui, url: str, account: str) -> None:
    """End a login: have the authorization server revoke it, then forget it.

    It is forgotten on this machine in any case; what the server could not or would not do is said.
    """
    store, credential = opened(url, account)
    result = logout_blocking(store, credential)
    if not result.revoked:
        ui.note(f"not revoked: {result.because}; it ends when the server lets it end")
    members = {
        "server": credential.server,
        "account": credential.account,
        "revoked": result.revoked,
        "because": result.because,
    }
    ui.result(members, f"logged out of {credential.server}" + (", and revoked" if result.revoked else ""))
