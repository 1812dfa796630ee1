"""A page that asks a person for something, and the cookies that come with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.safety.url import origin, printable

_ASKS = re.compile(r"<form\b|type\s*=\s*[\"']?password", re.IGNORECASE)
_LOADS = re.compile(
    r"<(?:script|img|iframe|link|source)\b[^>]*?\b(?:src|href)\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)",
    re.IGNORECASE,
)
_MOST_READ = 200_000


@dataclass(frozen=True, slots=True)
class Page:
    """A login or consent page, and how it came."""

    exchange: Exchange
    text: str

    @classmethod
    def of(cls, exchange: Exchange) -> Self | None:
        """Return the page in an answer; None where it asks a person for nothing."""
        if exchange.response is None or exchange.status >= 300 or exchange.media_type != "text/html":
            return None
        text = exchange.response.body[:_MOST_READ].decode("utf-8", "replace")
        return cls(exchange, text) if _ASKS.search(text) else None

    def flaws(self) -> Iterator[tuple[Severity | None, str]]:
        """What is wrong with it; severity None is the rule's own (RFC 9700 §4.16, §4.2.4)."""
        if not self._frame_safe():
            yield None, "neither frame-ancestors nor X-Frame-Options keeps the page out of a frame"
        if self.exchange.header("referrer-policy") is None:
            yield Severity.LOW, "there is no Referrer-Policy"
        for url in sorted(set(self._foreign())):
            yield Severity.LOW, f"it loads something from {printable(url, 100)}"

    def _frame_safe(self) -> bool:
        for line in self.exchange.lines("content-security-policy"):
            for directive in line.lower().split(";"):
                name, *values = directive.split() or [""]
                if name == "frame-ancestors":
                    return not any(value.strip("'") in ("*", "http:", "https:") for value in values)
        return (self.exchange.header("x-frame-options") or "").strip().lower() in ("deny", "sameorigin")

    def _foreign(self) -> Iterator[str]:
        own = origin(self.exchange.url)
        for found in _LOADS.finditer(self.text):
            url = found.group(1) if not found.group(1).startswith("//") else f"https:{found.group(1)}"
            try:
                if origin(url) != own:
                    yield origin(url)
            except ValueError:
                continue


def lacks(line: str, *, encrypted: bool) -> tuple[str, ...]:
    """Return what a `Set-Cookie` line lacks; without TLS no cookie can be Secure.

    MCP's best practices want the prefix __Host-, Secure, HttpOnly and SameSite=Lax (or stricter).
    """
    pair, *attributes = (part.strip() for part in line.split(";"))
    said = {
        name.strip().lower(): value.strip().lower()
        for name, _, value in (a.partition("=") for a in attributes)
    }
    missing = [] if "httponly" in said else ["HttpOnly"]
    if said.get("samesite") not in ("lax", "strict"):
        missing.append("SameSite=Lax")
    if encrypted and "secure" not in said:
        missing.append("Secure")
    if encrypted and not pair.startswith("__Host-"):
        missing.append("the prefix __Host-")
    return tuple(missing)
