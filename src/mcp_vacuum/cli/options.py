"""What several commands take: which login, and which of its accounts."""

from __future__ import annotations

import click

from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.models import DEFAULT_ACCOUNT

of_login = click.argument("url", shell_complete=logins)
of_account = click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
