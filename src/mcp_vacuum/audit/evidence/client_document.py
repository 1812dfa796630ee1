"""The document that a client's ID is the URL of, fetched as an authorization server would fetch it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import anyio

from mcp_vacuum.audit.evidence.server import Fetched, read
from mcp_vacuum.audit.evidence.wire import Wire, at_once
from mcp_vacuum.safety.address import Reach, is_loopback_host
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of

LARGEST = 5 * 1024
"""Bytes of a document that every server takes (Client ID Metadata Document draft 00 §6.6)."""
MOST_BYTES = 8 * 1024
"""Of a document are read: enough to tell how much too large it is, if it is not much."""
MOST_KEY_BYTES = 64 * 1024
MOST_DOCUMENTS = 4
"""Of one client are fetched: one that is another client in each login is not followed everywhere."""
_REQUESTS = 2
"""For one document: it, and the keys that it names."""


@dataclass(frozen=True, slots=True)
class ClientDocument:
    """What is at a client's URL.

    Attributes:
        url: The client_id.
        page: What came; its exchange has status, headers and body. No redirect was followed.
        keys: What its `jwks_uri` gives; None if it names none.
    """

    url: str
    page: Fetched
    keys: Fetched | None = None


def is_document_url(client_id: str) -> bool:
    """Say whether a client_id is meant as the URL of a document."""
    return client_id.lower().startswith(("https:", "http:"))


def fetch_documents(urls: Iterable[str]) -> tuple[ClientDocument, ...]:
    """GET each document once, and the keys that it names; of more than `MOST_DOCUMENTS` only the first.

    It raises nothing for what comes. It may be called where an event loop runs.
    """
    wanted = list(dict.fromkeys(urls))[:MOST_DOCUMENTS]
    if not wanted:
        return ()
    with ThreadPoolExecutor(1, thread_name_prefix="audit-document") as pool:
        return pool.submit(anyio.run, _all, wanted).result()


async def _all(urls: list[str]) -> tuple[ClientDocument, ...]:
    return tuple(await at_once(*(partial(_fetch, url) for url in urls)))


async def _fetch(url: str) -> ClientDocument:
    async with Wire(NetworkPolicy("a client_id", _reach_of(url)), most=_REQUESTS) as wire:
        page = await _read(wire, "the client's metadata document", url, MOST_BYTES)
        jwks = page.text("jwks_uri")
        return ClientDocument(
            url, page, await _read(wire, "its keys", jwks, MOST_KEY_BYTES) if jwks else None
        )


async def _read(wire: Wire, purpose: str, url: str, most: int) -> Fetched:
    headers = (("Accept", "application/json"),)
    return read(purpose, url, await wire.send(purpose, "GET", url, headers=headers, max_body=most))


def _reach_of(url: str) -> Reach:
    """Nothing but a public host is asked, or a laboratory on this machine (draft 01 §6.5)."""
    try:
        return Reach.LOOPBACK if is_loopback_host(host_of(url)) else Reach.PUBLIC
    except ValueError:
        return Reach.PUBLIC
