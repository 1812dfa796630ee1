"""`mcp-vacuum list`."""

from __future__ import annotations

import time

from mcp_vacuum.cli.logins import as_json, look, refreshed_text
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui

EXAMPLE = "mcp-vacuum list"


@command(EXAMPLE)
def list_(ui: Ui) -> None:
    """List the logins."""
    seen = look()
    if seen.damaged:
        ui.note(f"{seen.damaged} more could not be opened and are kept as they are; status URL says why")
    if not seen.logins:
        ui.result({"logins": []}, "no logins yet; begin with: mcp-vacuum login URL")
        return
    now = time.time()
    rows = [
        (
            login.server,
            login.account,
            login.alias or "",
            login.state.replace("_", " "),
            refreshed_text(login, now),
        )
        for login in seen.logins
    ]
    table = ui.table(("SERVER", "ACCOUNT", "ALIAS", "STATE", "REFRESHED"), rows)
    ui.result({"logins": [as_json(login) for login in seen.logins]}, table)
