"""The JSON that scripts rely on: one object a target, `targets` for several."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any

from mcp_vacuum.audit.report import SecurityReport, Unexamined


def members(reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = ()) -> dict[str, Any]:
    """Return the object: the report itself, or `{"targets", "compliant"}` if several were asked for.

    What could not be examined is not compliant; why, is told elsewhere.
    """
    if len(reports) == 1 and not unexamined:
        return reports[0].as_json()
    return {
        "targets": [report.as_json() for report in reports],
        "compliant": all(report.compliant for report in reports) and not unexamined,
    }


def render(reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = ()) -> str:
    """Return it as one line."""
    return dumps(members(reports, unexamined), ensure_ascii=False)
