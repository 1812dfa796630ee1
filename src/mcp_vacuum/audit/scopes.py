"""Scopes that are everything, by their name. Pure."""

from __future__ import annotations

import re

from mcp_vacuum.safety.url import printable

_WIDE = re.compile(
    r"^(?:.*[:./])?(?:\*|all|admin|administrator|root|superuser|full[-_]?access|full[-_]?control|sudo)$"
    r"|^admin[:._].*|.*:\*$",
    re.IGNORECASE,
)


def wide(scope: str) -> list[str]:
    """Return those of some space separated scopes that are everything."""
    return [printable(each, 60) for each in scope.split() if _WIDE.match(each)]
