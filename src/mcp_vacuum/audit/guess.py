"""How hard codes, tokens and session ids are to guess, by what changes from one to the next. Pure."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from itertools import takewhile
from uuid import UUID

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.reaction import gives_token, text_member

WANTED_BITS = 128
"""OAuth 2.1 §7.7: a chance of 2^-128 or less."""
TOLERABLE_BITS = 112
"""What a random UUID has, nearly: less than wanted, and still beyond guessing."""
ENOUGH = 5
"""Samples, to see what changes."""

_CLASSES = (string.digits, string.ascii_lowercase, string.ascii_uppercase, "-_", "./+=~:")
_HEX = frozenset("0123456789abcdef")


def bits_of(values: Sequence[str]) -> float:
    """Estimate the bits of randomness in values of one kind, generously: what changes, at full strength."""
    if len(values) < 2:
        return math.inf
    front = _same_at_front(values)
    back = _same_at_front([value[front:][::-1] for value in values])
    middles = [value[front : len(value) - back] for value in values]
    shortest = min(map(len, middles))
    places = [{middle[place] for middle in middles} for place in range(shortest)]
    changing = sum(len(place) > 1 for place in places)
    letters = set().union(*places) if places else set()
    return changing * math.log2(max(_alphabet(letters), 1))


def _same_at_front(values: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*values, strict=False)))


def _alphabet(letters: set[str]) -> int:
    if letters <= _HEX | {"-"}:
        return 10 if letters <= set(string.digits) else 16
    return sum(len(kind) for kind in _CLASSES if letters & set(kind))


def is_dated(value: str) -> bool:
    """Say whether a value is a UUID that was made of the time (RFC 9562, version 1, 2 or 6)."""
    try:
        return UUID(value).version in (1, 2, 6)
    except ValueError:
        return False


def samples_of(evidence: ActiveEvidence) -> dict[str, tuple[str, ...]]:
    """Return the codes and opaque tokens of an audit, each once, by kind; signed ones are left out."""
    codes = [visit.one("code") for visit in evidence.visits.values()]
    found: dict[str, list[str]] = {"code": [code for code in codes if code]}
    for exchange in evidence.seen.values():
        if gives_token(exchange):
            for kind, member in (("access token", "access_token"), ("refresh token", "refresh_token")):
                if value := text_member(exchange, member):
                    found.setdefault(kind, []).append(value)
    unsigned = {
        kind: tuple(dict.fromkeys(each for each in values if Jwt.read(each) is None))
        for kind, values in found.items()
    }
    return {kind: values for kind, values in unsigned.items() if values}
