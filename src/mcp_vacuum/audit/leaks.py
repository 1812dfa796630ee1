"""Stack traces, tokens and internal hosts in what everybody may read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.safety.address import Reach, reach_of, reach_of_address
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.safety.url import host_of

_TRACES = (
    ("a Python traceback", re.compile(r"Traceback \(most recent call last\)|File \"/[^\"]+\.py\", line \d+")),
    ("a JavaScript stack trace", re.compile(r"\n\s+at .{0,200}\((?:file://)?/[^)\s]+\.[cm]?[jt]s:\d+:\d+\)")),
    ("a Java stack trace", re.compile(r"\bat [\w$.]+\([\w$]+\.java:\d+\)|Exception in thread \"")),
    (".NET internals", re.compile(r"\bat System\.[\w.]+\(|System\.\w*Exception:")),
    ("a Go stack trace", re.compile(r"goroutine \d+ \[running\]|\bpanic: ")),
    (
        "a PHP error",
        re.compile(r"(?:Fatal error|Warning|Parse error)</?b?>?: .{0,200} in .{0,20}/[\w/.-]+\.php"),
    ),
    ("a database error", re.compile(r"SQLSTATE\[|ORA-\d{5}|psycopg2?\.|sqlite3\.OperationalError")),
)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")
_ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_INTERNAL = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|svc\.cluster\.local|corp|intranet|lan)\b", re.IGNORECASE
)
_MOST_READ = 200_000


def leaks_in(exchange: Exchange) -> Iterator[str]:
    """Say what an answer shows that it should not; a token only by its digest."""
    if exchange.response is None:
        return
    text = exchange.response.body[:_MOST_READ].decode("utf-8", "replace")
    headers = "\n".join(value for _, value in exchange.response.headers)
    for what, pattern in _TRACES:
        if pattern.search(text):
            yield what
    for found in sorted(set(_JWT.findall(f"{text}\n{headers}"))):
        yield f"a token, {shown(found)}"
    if _is_public(exchange.url):
        hosts = {*_INTERNAL.findall(text), *filter(_is_private, _ADDRESS.findall(f"{text}\n{headers}"))}
        yield from (f"the internal host {host}" for host in sorted(hosts))


def _is_public(url: str) -> bool:
    """A server on loopback or in a private network may name its neighbours."""
    try:
        return reach_of(host_of(url), []) is Reach.PUBLIC and not _is_private(host_of(url))
    except ValueError:
        return False


def _is_private(text: str) -> bool:
    try:
        return reach_of_address(str(IPv4Address(text))) in (Reach.PRIVATE, Reach.LOOPBACK)
    except (AddressValueError, ValueError):
        return False
