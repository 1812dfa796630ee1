"""What the endpoints that an authorization server names show without a login: keys, first page, CORS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from mcp_vacuum.audit.evidence.strangers import EVIL, preflight
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.audit.exchange import Exchange

HTML = "text/html,application/xhtml+xml"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Answers of an authorization server's endpoints; None where it names none.

    Attributes:
        keys: Of `jwks_uri`.
        page: Of `authorization_endpoint`, for a browser that names no client.
        called, preflight: Of the same, for a script of another site.
    """

    keys: Exchange | None = None
    page: Exchange | None = None
    called: Exchange | None = None
    preflight: Exchange | None = None


NOTHING_SEEN = Endpoints()


async def look_at_endpoints(wire: Wire, metadata: Mapping[str, Any]) -> Endpoints:
    """Ask the endpoints of one metadata document; its URLs are unchecked, the wire sees to that."""
    jwks, authorization = metadata.get("jwks_uri"), metadata.get("authorization_endpoint")
    found: dict[str, Exchange] = {}

    async def keys(url: str) -> None:
        found["keys"] = await wire.get("published keys", url)

    async def page(url: str) -> None:
        found["page"] = await wire.get_following("the authorization endpoint", url, accept=HTML)

    async def strangers(url: str) -> None:
        headers = (("Accept", HTML), ("Origin", EVIL))
        task = ("the authorization endpoint, from another site", "GET", url, headers, None)
        found["called"], found["preflight"] = await wire.together([task, preflight(url, "GET")])

    async with anyio.create_task_group() as group:
        if isinstance(jwks, str):
            group.start_soon(keys, jwks)
        if isinstance(authorization, str):
            group.start_soon(page, authorization)
            group.start_soon(strangers, authorization)
    return Endpoints(**found)
