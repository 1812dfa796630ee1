"""`mcp-vacuum status`."""

from __future__ import annotations

import click

from mcp_vacuum.agent.source import held_by_agent
from mcp_vacuum.cli.logins import as_json, as_text, opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.storage.opening import open_store

EXAMPLE = "mcp-vacuum status mcp.example.com --json"


@command(EXAMPLE)
@click.argument("url", required=False)
@click.option("--account", default=DEFAULT_ACCOUNT, help="Which of several logins to this server.")
def status(ui: Ui, url: str | None, account: str) -> None:
    """Show one login, or all of them. Asks the store and the agent only; nothing is sent to a server."""
    if url is not None:
        _, credential = opened(url, account)
        in_agent = (credential.server, credential.account) in held_by_agent()
        ui.result(as_json(credential, in_agent), as_text(ui, credential, in_agent))
        return
    store = open_store(create=False)
    logins = store.logins() if store else []
    held = held_by_agent() if logins else set()
    shown = [(login, (login.server, login.account) in held) for login in logins]
    where = f"{len(logins)} logins" if len(logins) != 1 else "1 login"
    source = f", key from {store.key_source}" if store else ""
    text = "\n\n".join(
        [*(as_text(ui, login, in_agent) for login, in_agent in shown), ui.dim(f"{where}{source}")]
    )
    members = {
        "logins": [as_json(login, in_agent) for login, in_agent in shown],
        "key_source": store and store.key_source,
    }
    ui.result(members, text)
