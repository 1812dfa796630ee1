"""`mcp-vacuum run`."""

from __future__ import annotations

import os
import shutil

import click

from mcp_vacuum.agent.source import adopt, token_source
from mcp_vacuum.cli.commands.login import code_shower, teller
from mcp_vacuum.cli.completing import accounts, files, logins
from mcp_vacuum.cli.logins import opened
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import LoginRequired, UsageError
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential, OAuth2Token
from mcp_vacuum.tokens.facts import refreshable

EXAMPLE = "mcp-vacuum run mcp.example.com -- python agent.py"


@command(EXAMPLE, context_settings={"ignore_unknown_options": True})
@click.argument("url", shell_complete=logins)
@click.argument("cmd", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=files)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
def run(ui: Ui, url: str, cmd: tuple[str, ...], account: str) -> None:
    """Run CMD with a valid token in MCP_VACUUM_TOKEN, in its environment only.

    CMD takes the place of this program, so its exit code is yours. Where the server gives no refresh
    tokens and the last token has ended, this logs you in first.
    """
    program = shutil.which(cmd[0])
    if program is None:
        raise UsageError(f"there is no command {cmd[0]!r}")
    value = _token(ui, url, account).access_token
    os.execve(program, list(cmd), {**os.environ, "MCP_VACUUM_TOKEN": value})  # noqa: S606 - the command's own purpose


def _token(ui: Ui, url: str, account: str) -> OAuth2Token:
    """Return a token; from a person only where no program can get one."""
    tokens = token_source(url, account)
    try:
        return tokens.obtain().token
    except LoginRequired:
        store, credential = opened(url, account)
        if refreshable(credential) or credential.ended is not None:
            raise
    result = login_blocking(
        credential.server,
        _as_before(credential),
        store=store,
        show_code=code_shower(ui),
        progress=teller(ui),
    )
    assert result.credential is not None
    assert result.token is not None
    adopt(store, result.credential)
    return result.token


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
