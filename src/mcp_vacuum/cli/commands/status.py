"""`mcp-vacuum status`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.logins import as_json, as_text, opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.storage.credentials import open_store

EXAMPLE = "mcp-vacuum status mcp.example.com --json"


@command(EXAMPLE)
@click.argument("url", required=False)
@click.option("--account", default=DEFAULT_ACCOUNT, help="Which of several logins to this server.")
def status(ui: Ui, url: str | None, account: str) -> None:
    """Show one login, or all of them. Asks the store only; nothing is sent."""
    if url is not None:
        _, credential = opened(url, account)
        ui.result(as_json(credential), as_text(ui, credential))
        return
    store = open_store(create=False)
    logins = store.logins() if store else []
    where = f"{len(logins)} logins" if len(logins) != 1 else "1 login"
    source = f", key from {store.key_source}" if store else ""
    text = "\n\n".join([*(as_text(ui, credential) for credential in logins), ui.dim(f"{where}{source}")])
    members = {
        "logins": [as_json(credential) for credential in logins],
        "key_source": store and store.key_source,
    }
    ui.result(members, text)
