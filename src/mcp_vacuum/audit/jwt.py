"""What a JWT says of itself, unverified (RFC 7519). Pure; the token itself is never shown."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 64 * 1024
PERSONAL = ("email", "phone_number", "name", "given_name", "family_name", "address", "birthdate", "picture")
"""Claims about a person (OpenID Connect Core §5.1)."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Header and claims of a JWT."""

    header: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """Its `alg`, empty if it names none."""
        return str(self.header.get("alg") or "")

    @property
    def audience(self) -> tuple[str, ...]:
        """Its `aud`, one or several."""
        found = self.body.get("aud")
        return tuple(map(str, found)) if isinstance(found, list) else (str(found),) if found else ()

    @property
    def lifetime(self) -> float | None:
        """Seconds from `iat` to `exp`; None if it lacks one of them."""
        begin, end = self.number("iat"), self.number("exp")
        return None if begin is None or end is None else end - begin

    @property
    def personal(self) -> tuple[str, ...]:
        """The claims in it that are about a person."""
        return tuple(name for name in PERSONAL if self.body.get(name))

    def number(self, name: str) -> float | None:
        """Return a numeric claim; None for anything else."""
        found = self.body.get(name)
        return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def claims_of(token: str) -> Claims | None:
    """Take a signed JWT apart; None for what is none."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST or not token.startswith("ey"):
        return None
    header, body = _part(parts[0]), _part(parts[1])
    return Claims(header, body) if header is not None and body is not None else None


def _part(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
