"""`mcp-vacuum refresh`."""

from __future__ import annotations

import click

from mcp_vacuum.agent.source import held_by_agent, login_tokens
from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.logins import as_json, as_text, opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.tokens.facts import facts_of

EXAMPLE = "mcp-vacuum refresh mcp.example.com"


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
def refresh(ui: Ui, url: str, account: str) -> None:
    """Refresh a login now, and so find out whether it is still alive."""
    store, credential = opened(url, account)
    login_tokens(store, credential).obtain(rejected=credential.generation)
    renewed = store.get(credential.server, credential.account) or credential
    ui.step("the authorization server gave a new token")
    in_agent = (renewed.server, renewed.account) in held_by_agent()
    facts = facts_of(renewed, in_agent)
    ui.result(as_json(facts), as_text(ui, facts))
