"""`mcp-vacuum run`."""

from __future__ import annotations

import os
import shutil

import click

from mcp_vacuum.agent.source import login_tokens
from mcp_vacuum.cli.commands.login import code_shower, teller
from mcp_vacuum.cli.logins import opened, refreshable
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential

EXAMPLE = "mcp-vacuum run mcp.example.com -- python agent.py"


@command(EXAMPLE, context_settings={"ignore_unknown_options": True})
@click.argument("url")
@click.argument("cmd", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--account", default=DEFAULT_ACCOUNT, help="Which of several logins to this server.")
def run(ui: Ui, url: str, cmd: tuple[str, ...], account: str) -> None:
    """Run CMD with a valid token in MCP_VACUUM_TOKEN, in its environment only.

    CMD takes the place of this program, so its exit code is yours. Where the server gives no refresh
    tokens, this logs you in first.
    """
    program = shutil.which(cmd[0])
    if program is None:
        raise UsageError(f"there is no command {cmd[0]!r}")
    store, credential = opened(url, account)
    if not refreshable(credential) and credential.ended is None:
        result = login_blocking(
            credential.server,
            _as_before(credential),
            store=store,
            show_code=code_shower(ui),
            progress=teller(ui),
        )
        assert result.token is not None
        value = result.token.access_token
    else:
        value = login_tokens(store, credential).obtain().token.access_token
    os.execve(program, list(cmd), {**os.environ, "MCP_VACUUM_TOKEN": value})  # noqa: S606 - the command's own purpose


def _as_before(credential: Credential) -> LoginOptions:
    """The options of the login that is repeated; its client and callback port are remembered with it."""
    return LoginOptions(
        account=credential.account,
        scope=tuple((credential.scope_asked or "").split()),
        resource=credential.resource,
        quirks=credential.quirks,
        legacy=credential.legacy,
        dpop=credential.dpop_key is not None,
        device=credential.grant == "device_code",
        allow_private_network=credential.allow_private_network,
    )
