"""`mcp-vacuum accounts`."""

from __future__ import annotations

import time

import click

from mcp_vacuum.agent.source import held_by_agent
from mcp_vacuum.cli.completing import logins
from mcp_vacuum.cli.logins import as_json, opened, refreshed_text
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.facts import LoginFacts, facts_of

EXAMPLE = "mcp-vacuum accounts mcp.example.com"


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
def accounts(ui: Ui, url: str) -> None:
    """List the accounts that are logged in to one server."""
    store = open_store(create=False)
    server = store.server_named(url) if store else None
    if store is None or server is None:
        opened(url, DEFAULT_ACCOUNT)  # raises what every command says where no login is stored
        raise AssertionError("a login appeared meanwhile")
    held = held_by_agent()
    logins = [facts_of(each, (server, each.account) in held) for each in _logins(ui, store, server)]
    members = {"server": server, "accounts": [as_json(login) for login in logins]}
    ui.result(members, f"{ui.bold(server)}\n{_table(ui, logins)}")


def _logins(ui: Ui, store: CredentialStore, server: str) -> list[Credential]:
    """Open the logins of a server; one that does not open is counted, unless none does."""
    names = [row.key.account for row in store.index() if row.key.name == server]
    logins = [credential for credential in store.logins() if credential.server == server]
    if not logins:
        opened(server, names[0])  # raises why it does not open
    if len(logins) < len(names):
        ui.note(
            f"{len(names) - len(logins)} more could not be opened and are kept as they are; "
            f"status {server} --account NAME says why"
        )
    return logins


def _table(ui: Ui, logins: list[LoginFacts]) -> str:
    now = time.time()
    rows = [
        (
            login.account,
            login.state.replace("_", " "),
            login.alias or "",
            login.scope or "",
            refreshed_text(login, now),
        )
        for login in logins
    ]
    return ui.table(("ACCOUNT", "STATE", "ALIAS", "SCOPE", "REFRESHED"), rows)
