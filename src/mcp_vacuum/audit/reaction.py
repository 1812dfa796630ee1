"""How an authorization endpoint takes a request: it asks a person, sends them back, or refuses. Pure."""

from __future__ import annotations

import json
import re
from enum import Enum
from urllib.parse import parse_qs, urlsplit

from mcp_vacuum.audit.evidence.wire import redirected
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.page import Page
from mcp_vacuum.safety.limits import NotADocument


class Reaction(Enum):
    """What became of an authorization request."""

    ASKS = "a person is asked"
    CODE = "a code was sent to the redirect URI"
    ERROR = "an error was sent to the redirect URI"
    REFUSED = "it is refused, without a redirect"
    UNCLEAR = "the answer tells nothing"


def reaction(exchange: Exchange, redirect_uri: str) -> Reaction:
    """Say how a server took a request that named `redirect_uri`."""
    onward = redirected(exchange)
    if onward is not None:
        return _sent(onward, redirect_uri)
    if exchange.response is None or exchange.status >= 500 or exchange.status == 429:
        return Reaction.UNCLEAR
    if exchange.status >= 400:
        return Reaction.REFUSED
    if leads_to(exchange, redirect_uri):
        return Reaction.ERROR
    return Reaction.ASKS if Page.of(exchange) else Reaction.UNCLEAR


def _sent(onward: str, redirect_uri: str) -> Reaction:
    answer = parameters(onward)
    if not same_place(onward, redirect_uri):
        return Reaction.REFUSED if "error" in answer else Reaction.ASKS
    if {"code", "access_token", "id_token"} & answer.keys():
        return Reaction.CODE
    return Reaction.ERROR


def parameters(url: str) -> dict[str, list[str]]:
    """Return query and fragment of a URL, taken apart."""
    try:
        parts = urlsplit(url)
        return {
            **parse_qs(parts.fragment, keep_blank_values=True),
            **parse_qs(parts.query, keep_blank_values=True),
        }
    except ValueError:
        return {}


def same_place(url: str, redirect_uri: str) -> bool:
    """Say whether a URL is this redirect URI with something behind it."""
    return url.partition("#")[0].partition("?")[0] == redirect_uri.partition("#")[0].partition("?")[0]


def leads_to(exchange: Exchange, redirect_uri: str) -> bool:
    """Say whether a page sends its reader on to a redirect URI by itself: a refresh, or a script."""
    if exchange.response is None or exchange.media_type != "text/html":
        return False
    text = exchange.response.body[:200_000].decode("utf-8", "replace")
    place = re.escape(redirect_uri.partition("?")[0])
    return bool(
        re.search(
            rf"<meta[^>]+refresh[^>]+{place}|location(?:\.href)?\s*=\s*[\"']{place}", text, re.IGNORECASE
        )
    )


def gives_token(exchange: Exchange) -> bool:
    """Say whether a token endpoint gave an access token."""
    return exchange.status == 200 and bool(text_member(exchange, "access_token"))


def is_served(exchange: Exchange) -> bool:
    """Say whether an MCP server did what a request asked for."""
    if not 200 <= exchange.status < 300:
        return False
    if exchange.media_type == "text/event-stream":
        return True
    try:
        return "result" in exchange.document
    except NotADocument:
        return _is_batch(exchange)


def _is_batch(exchange: Exchange) -> bool:
    body = exchange.response.body if exchange.response else b""
    if not body.lstrip().startswith(b"["):
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return any(isinstance(each, dict) and "result" in each for each in found)


def text_member(exchange: Exchange, name: str) -> str | None:
    """Return a member of the JSON object in an answer if it is a string."""
    try:
        value = exchange.document.get(name)
    except NotADocument:
        return None
    return value if isinstance(value, str) else None


def error_of(exchange: Exchange) -> str:
    """Return the OAuth error code of an answer; empty if it has none."""
    return text_member(exchange, "error") or ""
