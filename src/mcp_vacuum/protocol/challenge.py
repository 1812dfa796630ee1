"""`WWW-Authenticate` as RFC 9110 §11.6.1 writes it, and what MCP reads from it (RFC 9728 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_SEPARATORS = re.compile(r"[,\s]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++")
_SPACE = re.compile(r"\s*")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]++=*+(?=\s*(?:,|$))")
_MAX_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge.

    Attributes:
        scheme: Lower-case, such as ``bearer``.
        params: Lower-case names. A name that came twice is left out: which one counts is anyone's guess.
        doubled: The names that came twice.
    """

    scheme: str
    params: dict[str, str] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)


def parse_challenges(header_lines: Iterable[str]) -> list[Challenge]:
    """Return every challenge of all `WWW-Authenticate` lines, in order.

    Several challenges in a line, several lines, commas and words like ``Bearer`` inside quotes, and
    escaped quotes are told apart. What is malformed ends its line; what was read before it stays.
    """
    return [challenge for line in header_lines for challenge in _parse_line(line[:_MAX_HEADER])[0]]


def unread(line: str) -> str:
    """Return what `parse_challenges` does not understand of a line: from the first mistake to the end."""
    return line[_parse_line(line[:_MAX_HEADER])[1] :]


def _parse_line(line: str) -> tuple[list[Challenge], int]:
    """Return the challenges of a line, and where its reading ended."""
    challenges: list[Challenge] = []
    seen: set[str] = set()
    position = _end(_SEPARATORS, line, 0)
    while token := _TOKEN.match(line, position):
        equals = _EQUALS.match(line, token.end())
        if equals and challenges:
            value, end = _value(line, equals.end())
            if value is None:
                break
            position = end
            _add(challenges[-1], seen, token.group().lower(), value)
        else:
            challenges.append(Challenge(token.group().lower()))
            seen = set()
            position = _skip_token68(line, token.end())
        position = _end(_SEPARATORS, line, position)
    return challenges, position


def _add(challenge: Challenge, seen: set[str], name: str, value: str) -> None:
    if name in seen:
        challenge.params.pop(name, None)
        challenge.doubled.add(name)
    else:
        challenge.params[name] = value
    seen.add(name)


def _value(line: str, position: int) -> tuple[str | None, int]:
    if quoted := _QUOTED.match(line, position):
        return re.sub(r"\\(.)", r"\1", quoted.group(1), flags=re.DOTALL), quoted.end()
    if token := _TOKEN.match(line, position):
        return token.group(), token.end()
    return None, position


def _skip_token68(line: str, position: int) -> int:
    """Step over credentials such as ``Negotiate YII=``, which are no parameters."""
    start = _end(_SPACE, line, position)
    blob = _TOKEN68.match(line, start) if start > position else None
    return blob.end() if blob else position


def _end(pattern: re.Pattern[str], line: str, position: int) -> int:
    match = pattern.match(line, position)
    return match.end() if match else position


@dataclass(frozen=True, slots=True)
class BearerHints:
    """What a Bearer or DPoP challenge tells a client (RFC 6750 §3, RFC 9728 §5.1, RFC 9449 §7.1).

    Each member may be absent. `dpop` is true where the chosen challenge is a DPoP one.
    """

    resource_metadata: str | None = None
    scope: str | None = None
    error: str | None = None
    dpop: bool = False


def bearer_hints(header_lines: Iterable[str]) -> BearerHints | None:
    """Return the hints of the Bearer or DPoP challenge that says most, or None if there is neither."""
    bearers = [c for c in parse_challenges(header_lines) if c.scheme in ("bearer", "dpop")]
    if not bearers:
        return None
    said = ("resource_metadata", "scope", "error")
    chosen = max(bearers, key=lambda c: [name in c.params for name in said])
    params = chosen.params
    return BearerHints(
        params.get("resource_metadata"),
        params.get("scope") or None,
        params.get("error"),
        chosen.scheme == "dpop",
    )
