"""`mcp-vacuum audit server`."""

from __future__ import annotations

from functools import partial

import click

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.evidence.active_session import MOST_LOGINS, ActiveOptions
from mcp_vacuum.cli.auditing import Wanted, deliver, examine, report_options, waiter
from mcp_vacuum.cli.commands.login import given_client, teller, ways_of
from mcp_vacuum.cli.completing import servers
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.url import normalise_server_url

EXAMPLE = """mcp-vacuum audit server https://mcp.example.com/mcp --format json --fail-on medium
mcp-vacuum audit server https://mcp.example.com/mcp --active
mcp-vacuum audit server https://mcp.example.com/mcp --active --format html --output report.html"""

WARNING = """An active audit of {url} will

  - register up to {clients} clients at its authorization server, and delete them afterwards where it can
  - open the login page in your browser, {logins} times at most: log in as somebody who may be tested with;
    where a page shows an error, the server refused a defect: close the tab and wait
  - send requests that a sound server refuses: codes, tokens, client assertions and redirect URIs with one
    defect each, twenty wrong secrets of its own client among them
  - call the MCP server with the tokens of these logins, for reading only
  - end these logins at the end; no other login of yours is touched
{more}
Do this only to a server that is yours, or whose owner agreed."""
PATIENT = """  - hold one code for 10 minutes and 30 seconds; up to six of the logins come after that
"""
_CLIENTS = 11
"""Two of our own, one or two with a key, and one for each redirect URI that nobody should register."""


@command(EXAMPLE)
@click.argument("urls", metavar="URL...", nargs=-1, required=True, shell_complete=servers)
@click.option("--active", is_flag=True, help="Log in too, and send requests that have to be refused.")
@click.option("--yes", is_flag=True, help="With --active: do not ask before it begins.")
@click.option("--client-id", help="With --active: a client that was registered beforehand.")
@click.option("--client-secret-stdin", is_flag=True, help="Read that client's secret from standard input.")
@click.option("--client-metadata-url", help="With --active: a client ID metadata document to be the client.")
@click.option("--redirect-uri", help="With --active: an exact loopback redirect URI of that client.")
@click.option(
    "--callback-port", type=click.IntRange(1, 65535), help="The port of the callback. Default: a free one."
)
@click.option(
    "--other-resource", help="With --active: another resource that the same server issues tokens for."
)
@click.option(
    "--patient",
    is_flag=True,
    help="With --active: hold a code for 10 min 30 s too, to see that it expires (AS-CODE-03).",
)
@click.option("--no-browser", is_flag=True, help="Print each address instead of opening a browser.")
@click.option("--paste", is_flag=True, help="Log in on another machine and paste the final addresses here.")
@click.option(
    "--timeout",
    default=300.0,
    type=click.FloatRange(min=1),
    show_default=True,
    help="With --active: seconds to wait for you, at each login.",
)
@report_options
def server(
    ui: Ui,
    urls: tuple[str, ...],
    active: bool,
    yes: bool,
    client_id: str | None,
    client_secret_stdin: bool,
    client_metadata_url: str | None,
    redirect_uri: str | None,
    callback_port: int | None,
    other_resource: str | None,
    patient: bool,
    no_browser: bool,
    paste: bool,
    timeout: float,
    wanted: Wanted,
) -> int:
    """Check MCP servers, and the authorization servers that they name, against the catalogue.

    Nothing is changed at a server and nobody logs in, unless --active is given: that shows what only a login
    can. It asks first. With --fail-on, findings of that severity or worse end with exit code 10, if every
    server could be examined.
    """
    if not active:
        named = (yes, client_id, client_secret_stdin, client_metadata_url, redirect_uri, other_resource)
        if any((*named, callback_port, patient, no_browser, paste)):
            raise UsageError("only --active logs in, so only with it a client or a callback makes sense")
        return deliver(ui, wanted, *examine(ui, urls, audit_server))
    if len(urls) != 1:
        raise UsageError("--active is for one server at a time", hint="audit them one after the other")
    if no_browser and paste:
        raise UsageError("--no-browser and --paste exclude each other")
    options = ActiveOptions(
        client=given_client(client_id, client_secret_stdin),
        client_metadata_url=client_metadata_url,
        redirect_uri=redirect_uri,
        callback_port=callback_port or 0,
        other_resource=other_resource,
        timeout=timeout,
        most_logins=MOST_LOGINS + patient,
        patient=patient,
    )
    url = normalise_server_url(urls[0])
    _agree(ui, url, options, yes)
    ways = ways_of(ui, no_browser, paste)
    audit = partial(audit_server, active=options, ways=ways, progress=teller(ui), wait=waiter(ui))
    return deliver(ui, wanted, *examine(ui, (url,), audit, lively=False))


def _agree(ui: Ui, url: str, options: ActiveOptions, yes: bool) -> None:
    """Say what will be done, and go on only if the person agrees.

    Raises:
        UsageError: Nobody did.
    """
    more = PATIENT if options.patient else ""
    ui.plain(WARNING.format(url=url, clients=_CLIENTS, logins=options.most_logins, more=more))
    if yes:
        return
    if not ui.can_ask:
        raise UsageError(
            "nobody is here to agree to an active audit", hint="read the above, and then add --yes"
        )
    if not ui.confirms("Go on?"):
        raise UsageError("nothing was sent: the active audit was not agreed to")
