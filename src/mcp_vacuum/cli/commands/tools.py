"""`mcp-vacuum tools`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import click

from mcp_vacuum.agent.source import token_source
from mcp_vacuum.cli.completing import accounts, logins
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import LoginRequired, ServerUnavailable, UsageError, VacuumError
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.safety.url import normalise_server_url, printable

if TYPE_CHECKING:
    from mcp_vacuum.tokens.source import TokenSource

EXAMPLE = "mcp-vacuum tools mcp.example.com"
_TIMEOUT = 60.0
_NAME_COLUMN = 32
"""Names up to this width are aligned; a longer one pushes its own description to the right."""


@command(EXAMPLE)
@click.argument("url", shell_complete=logins)
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="Which of several logins to this server.",
)
def tools(ui: Ui, url: str, account: str) -> None:
    """Show what an MCP server offers: tools, resources, prompts. Needs the extra `mcp`."""
    server, account, source = _target(url, account)
    with ui.waiting(f"asking {server}"):
        offered = anyio.run(_ask, server, account, source)
    ui.result({"server": server, **offered}, _text(ui, server, offered))


def _target(url: str, account: str) -> tuple[str, str, TokenSource | None]:
    """Return the server and its login; a server that needs none may be asked without one."""
    try:
        tokens = token_source(url, account)
    except LoginRequired:
        if "://" not in url:
            raise
        return normalise_server_url(url), account, None
    _, server, account = tokens.place
    return server, account, tokens


async def _ask(server: str, account: str, source: TokenSource | None) -> dict[str, list[dict[str, Any]]]:
    answers: list[int] = []
    try:
        return await _ask_with_sdk(server, account, source, answers)
    except VacuumError:
        raise
    except (Exception, BaseExceptionGroup) as error:
        meaning = _meaning(server, error, answers)
        refused = source is not None and answers[-1:] == [401] and isinstance(meaning, ServerUnavailable)
        if refused:
            raise _refused(server, account) from error
        if isinstance(meaning, ServerUnavailable) and (not answers or answers[-1] >= 400):
            await anyio.to_thread.run_sync(_greet, server)
        raise meaning from error


def _greet(server: str) -> None:
    """Greet the server as a login does, because a login has the words for what is wrong with it.

    Raises:
        ServerUnavailable: There is no way to it, or it is in trouble.
        DiscoveryError: What answers there is no MCP server.
    """
    from mcp_vacuum.drivers.sync import SyncDriver
    from mcp_vacuum.protocol.discovery import discover, probe_server
    from mcp_vacuum.safety.policy import NetworkPolicy
    from mcp_vacuum.safety.url import host_of

    driver = SyncDriver(NetworkPolicy(host_of(server)))
    greeting = driver.run(probe_server(server))
    if not (greeting.open or greeting.protected):
        driver.run(discover(server, greeting=greeting))


def _refused(server: str, account: str) -> LoginRequired:
    """Say that even a new token is refused: the resource may have moved to another authorization server."""
    suffix = "" if account == DEFAULT_ACCOUNT else f" --account {account}"
    return LoginRequired(
        server,
        "it refuses the token of this login",
        hint=f"mcp-vacuum login {server}{suffix} --force",
        spec="RFC 9728 §5.2",
        account=account,
    )


async def _ask_with_sdk(
    server: str, account: str, source: TokenSource | None, answers: list[int]
) -> dict[str, list[dict[str, Any]]]:
    try:
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client
    except ImportError:
        raise UsageError("`tools` needs the MCP SDK", hint="pip install 'mcp-vacuum[mcp]'") from None
    import httpx2

    from mcp_vacuum.integrations.httpx2 import VacuumAuth

    # It logs a traceback of what is raised here too; without a handler Python prints that.
    logging.getLogger("mcp").addHandler(logging.NullHandler())

    async def note(response: httpx2.Response) -> None:
        answers.append(response.status_code)
        if source is None and response.status_code == 401:
            raise LoginRequired(server, "it asks for a login", account=account)

    auth = VacuumAuth(source, account) if source is not None else None
    with anyio.fail_after(_TIMEOUT):
        async with httpx2.AsyncClient(auth=auth, timeout=30.0, event_hooks={"response": [note]}) as http:
            transport = streamable_http_client(server, http_client=http)
            async with Client(transport) as client:
                return {
                    "tools": await _all(client.list_tools, "tools"),
                    "resources": await _all(client.list_resources, "resources"),
                    "prompts": await _all(client.list_prompts, "prompts"),
                }


async def _all(page: Any, kind: str) -> list[dict[str, Any]]:
    """Read a listing; a server without the capability has none of that kind."""
    from mcp import MCPError

    items: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(100):
        try:
            result = await page(cursor=cursor)
        except MCPError as error:
            if error.error.code == -32601:
                return items
            raise
        items += [
            item.model_dump(mode="json", exclude_none=True, by_alias=True) for item in getattr(result, kind)
        ]
        cursor = result.next_cursor
        if cursor is None:
            return items
    return items


def _meaning(server: str, error: BaseException, answers: list[int]) -> VacuumError:
    """Find what went wrong in what the SDK raised, and in the status codes of the answers."""
    causes = list(_leaves(error))
    ours = [cause for cause in causes if isinstance(cause, VacuumError)]
    if ours:
        return ours[0]
    text = "; ".join(dict.fromkeys(filter(None, map(str, causes))))
    if "401" in text or "Unauthorized" in text:
        return LoginRequired(server, "it asks for a login")
    reason = printable(text or type(error).__name__, 200)
    if answers[-1:] > [399]:
        reason += f" (status {answers[-1]})"
    return ServerUnavailable(
        f"{server} does not answer as an MCP server: {reason}", hint=f"mcp-vacuum doctor {server}", url=server
    )


def _leaves(error: BaseException) -> Any:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
        return
    yield error
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            yield from _leaves(linked)
            return


def _about(item: dict[str, Any]) -> str:
    told = str(item.get("description") or item.get("uri") or "").strip()
    return printable(told.split("\n")[0], 90)


def _text(ui: Ui, server: str, offered: dict[str, list[dict[str, Any]]]) -> str:
    lines = [ui.bold(server)]
    for kind, items in offered.items():
        lines += ["", f"{ui.bold(kind)} {ui.dim(str(len(items)))}"]
        shown = [(printable(str(item.get("name", "")), 80), _about(item)) for item in items]
        width = min(max((len(name) for name, _ in shown), default=0), _NAME_COLUMN)
        lines += [
            f"  {name.ljust(width)}  {ui.dim(about)}" if about else f"  {name}" for name, about in shown
        ]
    return "\n".join(lines)
