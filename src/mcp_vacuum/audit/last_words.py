"""What a program printed last, fit to be shown: a few short lines without secrets. Pure."""

from __future__ import annotations

from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.spotting import shapes_in
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.safety.url import printable

LINES = 5
LONGEST = 200
"""Characters of a line."""


def last_words(printed: str, mask: Mask) -> tuple[str, ...]:
    """Return the last lines that are not empty.

    Args:
        printed: All that it printed.
        mask: Knows what is secret beyond what its shape tells.
    """
    lines = [line.strip() for line in _unshaped(mask.text(printed)).splitlines()]
    return tuple(printable(line, LONGEST - 1) for line in [line for line in lines if line][-LINES:])


def _unshaped(text: str) -> str:
    """Mask the tokens that well-known issuers' shapes give away."""
    for value in {value for _, value, _ in shapes_in(text)}:
        text = text.replace(value, shown(value))
    return text
