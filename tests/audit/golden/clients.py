"""Reports of real clients, looked at by hand: what was found, and what holds, in a few telling scenarios."""

from __future__ import annotations

import json
import os
from collections import Counter

from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from tests.audit.golden import HERE, WRITE

FOLDER = HERE / "clients"
SCENARIOS = (
    "LAB-01",
    "LAB-03",
    "LAB-05",
    "LAB-06",
    "LAB-07/big",
    "LAB-07/array",
    "LAB-09/token",
    "LAB-10/javascript",
    "LAB-10/http",
    "LAB-10/dollar",
    "LAB-11",
    "LAB-13",
    "LAB-26",
)


def lasting(report: SecurityReport) -> str:
    """Return what of a report stays the same from run to run, as JSON."""
    found = sorted({(each.rule.id, each.severity.word, each.finding.where) for each in report.findings})
    told = {"findings": [list(each) for each in found], "passed": sorted(report.passed)}
    return json.dumps(told, indent=1) + "\n"


def kept(name: str, report: SecurityReport) -> str:
    """Return the golden file of a client; write it first if that is asked for."""
    file = FOLDER / f"{name}.json"
    if os.environ.get(WRITE):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(lasting(report), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def table() -> list[str]:
    """Return a line for each kept report: the client and its findings by severity."""
    lines = []
    for file in sorted(FOLDER.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        counts = Counter(severity for _, severity, _ in told["findings"])
        found = ", ".join(
            f"{counts[each.word]} {each.word}" for each in reversed(Severity) if counts[each.word]
        )
        lines.append(f"{file.stem:<18} {found or 'nothing'}; {len(told['passed'])} rules hold")
    return lines
