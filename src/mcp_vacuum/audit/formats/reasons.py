"""Why rules could not be judged, taken apart and put together again for people."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NEXT = re.compile(r"; (?=(?:INCONCLUSIVE|NOT_APPLICABLE): )")
NOT_BUILT = "not built yet"


def reasons_of(because: str) -> dict[str, list[str]]:
    """Return the reasons of one rule by their kind, INCONCLUSIVE or NOT_APPLICABLE."""
    found: dict[str, list[str]] = {}
    for each in _NEXT.split(because):
        kind, _, reason = each.partition(": ")
        found.setdefault(kind, []).append(reason)
    return found


def unclear(because: str) -> str:
    """Return why a rule could not be judged, in short; empty if it does not apply.

    What is not built is said only where there is no other reason: each such rule has one of its own.
    """
    reasons = reasons_of(because).get("INCONCLUSIVE", [])
    known = [reason for reason in reasons if not reason.startswith(NOT_BUILT)]
    return "; ".join(known) or (NOT_BUILT if reasons else "")


def together(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Turn reasons by rule into rules by reason, most rules first."""
    rules: dict[str, list[str]] = {}
    for rule, reason in reasons.items():
        rules.setdefault(reason, []).append(rule)
    return dict(sorted(rules.items(), key=lambda item: -len(item[1])))
