"""Reports of real servers, looked at by hand, without what changes from run to run."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity

HERE = Path(__file__).parent
WRITE = "MCP_VACUUM_WRITE_GOLDEN"
"""Set it to write the files anew; then look at the difference."""
_PORT = re.compile(r"(127\.0\.0\.1|localhost):(\d+)")
_REASONS = re.compile(r"; (?=INCONCLUSIVE: |NOT_APPLICABLE: )")
_NOT_PASSIVE = ("INCONCLUSIVE: not built yet: ", "INCONCLUSIVE: only --active looks at it")


def lasting(report: SecurityReport) -> str:
    """Return a report as JSON, without what the rules say of themselves.

    Ports are numbered by their order. Of what was not checked, what a passive audit could check stays.
    """
    told = {
        "target": report.target,
        "findings": [
            {
                "rule": each.rule.id,
                "severity": each.severity.word,
                "where": each.finding.where,
                "why": each.finding.why,
                "certain": each.finding.certain,
            }
            for each in report.findings
        ],
        "passed": list(report.passed),
        "not_checked": _unseen(report),
    }
    ports: dict[str, str] = {}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    return _PORT.sub(lambda at: f"{at[1]}:{ports.setdefault(at[2], f'PORT{len(ports) + 1}')}", text) + "\n"


def _unseen(report: SecurityReport) -> dict[str, list[str]]:
    unseen = {
        rule: [why for why in _REASONS.split(because) if not why.startswith(_NOT_PASSIVE)]
        for rule, because in report.not_checked
    }
    return {rule: whys for rule, whys in unseen.items() if whys}


def kept(name: str, report: SecurityReport) -> str:
    """Return the golden file of a server; write it first if that is asked for."""
    file = HERE / f"{name}.json"
    if os.environ.get(WRITE):
        file.write_text(lasting(report), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def table() -> list[str]:
    """Return a line for each kept report: the server and its findings by severity."""
    lines = []
    for file in sorted(HERE.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        counts = Counter(each["severity"] for each in told["findings"])
        found = ", ".join(
            f"{counts[each.word]} {each.word}" for each in reversed(Severity) if counts[each.word]
        )
        lines.append(f"{file.stem:<18} {found or 'nothing'}; {len(told['passed'])} rules hold")
    return lines
