"""A crowd in one process, which asks for one login's token at the same moment: `crowd.py URL SHAPE`.

Prints a JSON object: how many asked, and what may be shown of each different token that they got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable

from mcp_vacuum.client import OAuth2Client
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.storage.secure import SecureTokenStorage
from mcp_vacuum.tokens.manager import TokenManager
from mcp_vacuum.tokens.source import TokenSource
from tests.reliability.programs.login import token_source


async def ask(sources: list[TokenSource], url: str, tasks: int) -> list[str]:
    """Let so many tasks ask, over the sources in turn."""
    asked = (sources[number % len(sources)].headers("GET", url) for number in range(tasks))
    return [headers["Authorization"] for headers in await asyncio.gather(*asked)]


def in_threads(count: int, work: Callable[[], list[str]]) -> list[str]:
    """Let so many threads work, begun at the same moment."""
    barrier = threading.Barrier(count)
    got: list[str] = []

    def run() -> None:
        barrier.wait(30)
        got.extend(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def tasks(url: str) -> list[str]:
    """10,000 tasks in one event loop."""
    return asyncio.run(ask([token_source(url)], url, 10_000))


def threads(url: str) -> list[str]:
    """64 threads, each with a source of its own."""
    return in_threads(64, lambda: [token_source(url).headers_blocking("GET", url)["Authorization"]])


def loops(url: str) -> list[str]:
    """Eight event loops in eight threads, 25 tasks each."""
    return in_threads(8, lambda: asyncio.run(ask([token_source(url)], url, 25)))


def managers(url: str) -> list[str]:
    """200 tasks over four managers, each with a client and a storage of its own."""
    return asyncio.run(ask([manager_of(url).source(url) for _ in range(4)], url, 200))


def manager_of(url: str) -> TokenManager:
    """A manager for the client of the stored login."""
    store = SecureTokenStorage().store
    login = store.get(url)
    assert login is not None
    assert login.client is not None
    client = OAuth2Client(
        client_id=login.client.client_id,
        token_endpoint=login.token_endpoint or "",
        authorization_endpoint=f"{login.issuer}/authorize",
        redirect_uri=login.redirect_uri or "",
        issuer=login.issuer,
        resource=login.resource,
    )
    return TokenManager(client, SecureTokenStorage())


SHAPES = {"tasks": tasks, "threads": threads, "loops": loops, "managers": managers}


def main(url: str, shape: str) -> None:
    """Run the storm."""
    got = SHAPES[shape](url)
    print(json.dumps({"asked": len(got), "tokens": [shown(each.partition(" ")[2]) for each in set(got)]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
