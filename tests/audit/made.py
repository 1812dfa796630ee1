"""Exchanges as they would have been recorded, for tests of what is pure."""

from __future__ import annotations

import json

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.url import EndpointUrl

URL = "https://mcp.example/mcp"


def answered(
    status: int = 200,
    body: object = b"",
    *,
    url: str = URL,
    headers: tuple[tuple[str, str], ...] = (),
    media_type: str = "application/json",
    number: int = 1,
) -> Exchange:
    """An exchange with an answer; what is no bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(url, status, (("content-type", media_type), *headers), raw, 0.0)
    request = HttpRequest("GET", EndpointUrl(url))
    return Exchange(number, "a test", "GET", url, request, response, "answered", "", 0.0, 0.0)


def unanswered(failure: str = "did not answer within 10 s", *, url: str = URL) -> Exchange:
    """An exchange without an answer."""
    request = HttpRequest("GET", EndpointUrl(url))
    return Exchange(1, "a test", "GET", url, request, None, "lost", failure, 0.0, 0.0)
