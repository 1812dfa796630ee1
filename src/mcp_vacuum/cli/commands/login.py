"""`mcp-vacuum login`."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from mcp_vacuum.agent.source import adopt, held_by_agent, login_tokens
from mcp_vacuum.cli.completing import accounts, quirks, servers
from mcp_vacuum.cli.logins import Passphrase, as_json, as_text, not_required_json
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.drivers.aio import CodeShower, Person
from mcp_vacuum.drivers.browser import BrowserVisit, open_browser
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.paste import PasteVisit
from mcp_vacuum.errors import UsageError, VacuumError
from mcp_vacuum.login import LoginOptions, LoginResult, Ways, login_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials
from mcp_vacuum.protocol.effects import ShowCode
from mcp_vacuum.safety.secret import wrapped
from mcp_vacuum.safety.url import BrowserUrl, normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.facts import facts_of, refreshable

EXAMPLE = """mcp-vacuum login https://mcp.example.com/mcp
mcp-vacuum login https://mcp.example.com/mcp --account work --scope mcp:tools
mcp-vacuum login https://mcp.example.com/mcp --device
ssh -L 8123:127.0.0.1:8123 host   # then, on that host:
mcp-vacuum login https://mcp.example.com/mcp --no-browser --callback-port 8123"""


@command(EXAMPLE)
@click.argument("url", shell_complete=servers)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="A name for one of several logins to this server.",
)
@click.option(
    "--scope", multiple=True, help="A scope to ask for; may be repeated. Default: what the server asks for."
)
@click.option("--client-id", help="Use a client that was registered beforehand.")
@click.option("--client-secret-stdin", is_flag=True, help="Read that client's secret from standard input.")
@click.option("--client-metadata-url", help="Use a client ID metadata document where the server takes them.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--device", is_flag=True, help="Show a code to enter in a browser on any other device.")
@click.option("--paste", is_flag=True, help="Log in on another machine and paste the final address here.")
@click.option("--redirect-uri", help="An exact loopback redirect URI, for servers that insist on one.")
@click.option(
    "--callback-port", type=click.IntRange(1, 65535), help="The port of the callback. Default: a free one."
)
@click.option("--resource", help="The resource identifier, where it is not the server's URL.")
@click.option(
    "--legacy", is_flag=True, help="Take the shape of MCP 2025-03-26 where the server has no metadata at all."
)
@click.option("--dpop", is_flag=True, help="Bind the tokens to a key (DPoP), also where it is not asked for.")
@click.option(
    "--quirk",
    multiple=True,
    shell_complete=quirks,
    help="Tolerate one named deviation of this server; kept and shown.",
)
@click.option("--allow-private-network", is_flag=True, help="The server may point to private addresses.")
@click.option(
    "--timeout",
    default=300.0,
    type=click.FloatRange(min=1),
    show_default=True,
    help="Seconds to wait for you in the browser.",
)
@click.option("--force", is_flag=True, help="Log in again although the login is still valid.")
def login(
    ui: Ui,
    url: str,
    account: str,
    scope: tuple[str, ...],
    client_id: str | None,
    client_secret_stdin: bool,
    client_metadata_url: str | None,
    no_browser: bool,
    device: bool,
    paste: bool,
    redirect_uri: str | None,
    callback_port: int | None,
    resource: str | None,
    legacy: bool,
    dpop: bool,
    quirk: tuple[str, ...],
    allow_private_network: bool,
    timeout: float,
    force: bool,
) -> None:
    """Log in to a protected MCP server, or any API with OAuth metadata, and keep the login.

    Your browser opens once. A login that is still valid is verified instead, and no tab is opened.
    """
    if no_browser + device + paste > 1:
        raise UsageError("--no-browser, --device and --paste exclude each other")
    if device and (redirect_uri or callback_port):
        raise UsageError("a device login has no callback", spec="RFC 8628 §1")
    options = LoginOptions(
        account=account,
        scope=tuple(word for item in scope for word in item.split()),
        client=given_client(client_id, client_secret_stdin),
        client_metadata_url=client_metadata_url,
        redirect_uri=redirect_uri,
        callback_port=callback_port or 0,
        resource=resource,
        quirks=quirk,
        legacy=legacy,
        dpop=dpop,
        device=device,
        allow_private_network=allow_private_network,
        timeout=timeout,
        force=force,
    )
    normalise_server_url(url)  # a URL that makes no sense makes no vault
    passphrase = Passphrase()
    store = open_store(ask=passphrase)
    assert store is not None  # it was made if there was none
    _fetch_from_agent(store, url, account)
    result = login_blocking(
        url,
        options,
        store=store,
        ways=ways_of(ui, no_browser, paste),
        show_code=code_shower(ui),
        progress=teller(ui),
    )
    in_agent = result.credential is not None and adopt(store, result.credential, passphrase.told)
    tell_login(ui, result, account, in_agent)


def _fetch_from_agent(store: CredentialStore, url: str, account: str) -> None:
    """Have the token of a login that cannot be refreshed: while the agent holds it, that login is valid."""
    with suppress(VacuumError):  # what is wrong is said by the login that follows
        old = store.get(normalise_server_url(url), account)
        if old is not None and not refreshable(old) and (old.server, old.account) in held_by_agent():
            login_tokens(store, old).obtain()


def given_client(client_id: str | None, secret_from_stdin: bool) -> ClientCredentials | None:
    """Return the client that the flags name, its secret read from standard input."""
    if client_id is None:
        if secret_from_stdin:
            raise UsageError("--client-secret-stdin needs --client-id")
        return None
    secret = wrapped(sys.stdin.readline().strip()) if secret_from_stdin else None
    return ClientCredentials(client_id=client_id, client_secret=secret)


def ways_of(ui: Ui, no_browser: bool, paste: bool) -> Ways:
    """Return who says yes: a person with a browser here, one elsewhere, or one who pastes."""
    if paste:
        return lambda _listener, _timeout: PasteVisit(
            lambda url: _show(ui, url), lambda text: _read_line(ui, text)
        )

    def by_browser(listener: LoopbackListener, timeout: float) -> Person:
        def show(url: BrowserUrl) -> None:
            _show(ui, url)
            port = listener.redirect_uri.split(":")[2].split("/")[0]
            ui.plain(f"on another machine? ssh -L {port}:127.0.0.1:{port} to this one first, or use --paste")

        opener = None if no_browser else open_browser
        return _Waiting(ui, BrowserVisit(listener, timeout=timeout, opener=opener, show=show))

    return by_browser


class _Waiting:
    """A visit with something to look at in the terminal."""

    def __init__(self, ui: Ui, visit: BrowserVisit) -> None:
        self._ui = ui
        self._visit = visit

    def visit(self, authorize: object) -> str:
        with self._ui.waiting("waiting for you in the browser (Ctrl-C gives up)"):
            return self._visit.visit(authorize)  # type: ignore[arg-type]


def code_shower(ui: Ui) -> CodeShower:
    """Return what shows the code of a device login: on stderr, whatever the flags say."""

    def show(code: ShowCode) -> None:
        lines = [f"open   {code.verification_uri}", f"enter  {ui.loud(code.user_code)}"]
        if code.verification_uri_complete and code.verification_uri_complete != code.verification_uri:
            lines += ["", "or open this address, which has the code in it, and compare the code:"]
            lines += [f"       {code.verification_uri_complete}"]
        rule = "-" * 60
        ui.plain("\n".join(["log in on any device:", rule, *(f"  {line}".rstrip() for line in lines), rule]))
        ui.note("waiting until you have said yes there; Ctrl-C gives up")

    return show


def _show(ui: Ui, url: BrowserUrl) -> None:
    ui.plain(f"open this address to log in:\n  {url}")


def _read_line(ui: Ui, prompt: str) -> str:
    ui.plain(prompt)
    return sys.stdin.readline()


def teller(ui: Ui) -> Teller:
    """Return what `login_blocking` reports its progress to."""
    return Teller(ui)


class Teller:
    """Turns the steps of a login into lines."""

    _SILENT = frozenset({"discovering", "waiting"})
    _NOTES = frozenset({"notice", "issuer_changed", "port_in_use", "login_needed"})

    def __init__(self, ui: Ui) -> None:
        self._ui = ui

    def __call__(self, step: str, text: str) -> None:
        """Tell one step."""
        if step in self._NOTES:
            self._ui.note(text)
        elif step in self._SILENT:
            self._ui.detail(text)
        else:
            self._ui.step(text)


def tell_login(ui: Ui, result: LoginResult, account: str, in_agent: bool) -> None:
    """Print how a login ended."""
    credential = result.credential
    if credential is None:
        ui.result(not_required_json(result.server, account), f"{result.server} answers without a login")
        return
    if result.outcome == "still_valid":
        ui.step("this login is still valid; nothing to do (--force repeats it)")
    if not refreshable(credential) and not in_agent:
        ui.note(
            "the server gave no refresh token, so the access token ends with this command; "
            f"use: mcp-vacuum run {result.server} -- CMD"
        )
    ui.gap()
    facts = facts_of(credential, in_agent)
    ui.result(as_json(facts), as_text(ui, facts))
