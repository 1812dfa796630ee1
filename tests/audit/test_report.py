"""What a report computes."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.audit.evidence import FlowEvidence
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule


@rule(id="X-1", title="t", severity=Severity.HIGH, sources=("s",), fix="f")
def high(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """The reason."""
    yield Finding("here", "so")


def report(*severities: Severity | None) -> SecurityReport:
    return SecurityReport("x", tuple(ReportedFinding(high, Finding("here", "so", s)) for s in severities))


def test_issues_begin_at_medium() -> None:
    assert report(Severity.INFO, Severity.LOW).compliant
    assert report(Severity.MEDIUM).issues == ["X-1: here: so"]


def test_a_finding_without_a_severity_has_its_rules() -> None:
    assert report(None).as_json()["findings"][0]["severity"] == "high"
