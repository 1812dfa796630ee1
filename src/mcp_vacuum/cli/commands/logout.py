"""`mcp-vacuum logout`."""

from __future__ import annotations

import click

from mcp_vacuum.agent.source import tell
from mcp_vacuum.agent.wire import Forget
from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.logins import opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import RecordDamaged
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.machine import MACHINE_GRANTS

EXAMPLE = "mcp-vacuum logout mcp.example.com"


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
@click.option(
    "--keep-registration",
    is_flag=True,
    help="Leave the client that was registered for it, for the next login.",
)
def logout(ui: Ui, url: str, account: str, keep_registration: bool) -> None:
    """End a login: have the authorization server revoke it, then forget it.

    A client that was registered for it, and that no other login uses, is deleted at the server too. The
    login is forgotten on this machine in any case; what the server could not or would not do is said.
    """
    try:
        store, credential = opened(url, account)
    except RecordDamaged as error:
        _set_aside(ui, error.url or url, account)
        return
    result = logout_blocking(store, credential, keep_registration=keep_registration)
    tell(Forget(credential.server, credential.account))
    if credential.grant in MACHINE_GRANTS:
        ui.note(f"nothing was revoked: {result.because}")
    elif not result.revoked:
        ui.note(f"not revoked: {result.because}; it ends when the server lets it end")
    if result.registration == "kept" and not keep_registration:
        ui.detail(f"the registered client was kept: {result.registration_because}")
    members = {
        "server": credential.server,
        "account": credential.account,
        "revoked": result.revoked,
        "because": result.because,
        "registration": result.registration,
        "registration_because": result.registration_because,
    }
    done = f"logged out of {credential.server}" + (", and revoked" if result.revoked else "")
    ui.result(members, done + (", and unregistered" if result.registration == "deleted" else ""))


def _set_aside(ui: Ui, server: str, account: str) -> None:
    """A login that does not open cannot be revoked; it is kept, but no longer in the way of a new one."""
    store = open_store(create=False)
    assert store is not None
    store.delete(server, account)
    because = "the stored login does not open; it was set aside"
    ui.note(because)
    members = {
        "server": server,
        "account": account,
        "revoked": False,
        "because": because,
        "registration": None,
        "registration_because": None,
    }
    ui.result(members, f"logged out of {server}")
