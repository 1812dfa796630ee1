"""`mcp-vacuum list`."""

from __future__ import annotations

import time

from mcp_vacuum.agent.source import held_by_agent
from mcp_vacuum.cli.logins import as_json, state_of
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui, duration
from mcp_vacuum.storage.opening import open_store

EXAMPLE = "mcp-vacuum list"


@command(EXAMPLE)
def list_(ui: Ui) -> None:
    """List the logins."""
    store = open_store(create=False)
    logins = store.logins() if store else []
    damaged = len(store.index()) - len(logins) if store else 0
    if damaged:
        ui.note(f"{damaged} more could not be opened and are kept as they are; status URL says why")
    if not logins:
        ui.result({"logins": []}, "no logins yet; begin with: mcp-vacuum login URL")
        return
    now, held = time.time(), held_by_agent()
    shown = [(login, (login.server, login.account) in held) for login in logins]
    rows = [
        (
            credential.server,
            credential.account,
            credential.alias or "",
            state_of(credential, in_agent).replace("_", " "),
            duration((credential.refreshed_at or credential.created_at) - now),
        )
        for credential, in_agent in shown
    ]
    table = ui.table(("SERVER", "ACCOUNT", "ALIAS", "STATE", "REFRESHED"), rows)
    ui.result({"logins": [as_json(credential, in_agent) for credential, in_agent in shown]}, table)
