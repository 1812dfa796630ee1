"""What an endpoint says to a web page of elsewhere, and where else a local server can be reached."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio

from mcp_vacuum.audit.evidence.wire import Task
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.protocol.effects import HeaderList
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import host_of

EVIL = "https://evil.example"
"""The origin of a page that no server knows."""
_EVIL_HOST = "evil.example"
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Strangers:
    """Requests that say that a page of `EVIL` sends them, without a token.

    Attributes:
        called: The request itself.
        preflight: What a browser asks before it.
        rebound: The request with the Host of another name, as after DNS rebinding; only to loopback.
    """

    called: Exchange
    preflight: Exchange
    rebound: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Other addresses of this machine, with the port of a server on loopback."""

    tried: tuple[str, ...]
    reached: tuple[str, ...]


def stranger_tasks(url: str, headers: HeaderList, body: bytes) -> list[Task]:
    """Return the requests whose answers `Strangers` holds, in its order."""
    tasks: list[Task] = [
        ("the Origin of another site", "POST", url, (*headers, ("Origin", EVIL)), body),
        preflight(url, "POST", "authorization,content-type"),
    ]
    if is_loopback_host(host_of(url)):
        tasks.append(("the Host of another name", "POST", url, (*headers, ("Host", _EVIL_HOST)), body))
    return tasks


def preflight(url: str, method: str, names: str = "") -> Task:
    """Return a CORS preflight from `EVIL`."""
    headers: HeaderList = (("Origin", EVIL), ("Access-Control-Request-Method", method))
    if names:
        headers = (*headers, ("Access-Control-Request-Headers", names))
    return "a preflight from another site", "OPTIONS", url, headers, None


async def look_elsewhere(url: str) -> Elsewhere | None:
    """Try a loopback server's port at this machine's other addresses; None if it is not on loopback.

    A connection is opened and closed again, nothing is sent.
    """
    if not is_loopback_host(host_of(url)):
        return None
    parts = urlsplit(url)
    tried = _other_addresses(host_of(url))
    reached: list[str] = []

    async def knock(address: str) -> None:
        try:
            with anyio.fail_after(_PATIENCE):
                stream = await anyio.connect_tcp(
                    address, parts.port or (443 if parts.scheme == "https" else 80)
                )
                await stream.aclose()
        except (OSError, TimeoutError):
            return
        reached.append(address)

    async with anyio.create_task_group() as group:
        for address in tried:
            group.start_soon(knock, address)
    return Elsewhere(tried, tuple(address for address in tried if address in reached))


def _other_addresses(host: str) -> tuple[str, ...]:
    """A second loopback address, which only a server on every address answers, and this machine's own."""
    found = ["127.0.0.2"]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the address to send from
            found.append(str(probe.getsockname()[0]))
        except OSError:
            pass  # no network: then the loopback address has to do
    return tuple(dict.fromkeys(address for address in found if address != host))
