"""`mcp-vacuum alias`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.logins import as_json, opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.tokens.facts import facts_of

EXAMPLE = """mcp-vacuum alias https://mcp.example.com/mcp work
mcp-vacuum token work"""


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
@click.argument("name", required=False)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
@click.option("--remove", is_flag=True, help="Take the name away.")
def alias(ui: Ui, url: str, name: str | None, account: str, remove: bool) -> None:
    """Give a login a short name that every command takes instead of the URL."""
    if remove is (name is not None):
        raise UsageError("give a NAME, or --remove", hint="mcp-vacuum alias --help")
    store, credential = opened(url, account)
    store.set_alias(credential.server, credential.account, name)
    changed = store.get(credential.server, credential.account)
    assert changed is not None
    text = f"{credential.server} is now {name}" if name else f"{credential.server} has no alias any more"
    ui.result(as_json(facts_of(changed)), text)
