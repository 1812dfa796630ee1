"""`mcp-vacuum token`."""

from __future__ import annotations

import click

from mcp_vacuum.agent.source import token_source
from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.tokens.policy import MIN_VALIDITY

EXAMPLE = """curl -H "Authorization: Bearer $(mcp-vacuum token mcp.example.com)" https://mcp.example.com/mcp
curl -H "$(mcp-vacuum token mcp.example.com --header)" https://mcp.example.com/mcp"""


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
@click.option(
    "--min-valid",
    default=MIN_VALIDITY,
    type=click.FloatRange(min=0),
    show_default=True,
    help="Seconds that the token should still be good for.",
)
@click.option("--header", is_flag=True, help="Print the whole header line: Authorization: Bearer …")
def token(ui: Ui, url: str, account: str, min_valid: float, header: bool) -> None:
    """Print a valid access token, alone on stdout, refreshing it if needed.

    URL may be an alias or a host name that only one login has. Never opens a browser: without a usable
    login it exits with 3 and names the command to type.
    """
    tokens = token_source(url, account)
    held = tokens.obtain(min_valid)
    _, server, account = tokens.place
    value, kind = held.token.access_token, held.token.token_type
    if kind.lower() == "dpop":
        ui.note(
            "this token is bound to a key: each request needs a DPoP proof, which the Python library makes"
        )
    members = {
        "access_token": value,
        "token_type": kind,
        "expires_at": held.token.expires_at,
        "server": server,
        "account": account,
    }
    ui.result(members, f"Authorization: {kind} {value}" if header else value)
