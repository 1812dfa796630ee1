"""What a report computes."""

from __future__ import annotations

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined, report_of
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Severity, rule


@rule(
    id="X-1",
    title="t",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("s",),
    fix="f",
    kinds=(Kind.PASSIVE,),
    bad="b",
    good="g",
)
def high(evidence: tuple[Finding | NotChecked, ...]) -> Results:
    """The reason."""
    yield from evidence


def report(*severities: Severity | None) -> SecurityReport:
    return SecurityReport("x", tuple(ReportedFinding(high, Finding("here", "so", s)) for s in severities))


def test_issues_begin_at_medium() -> None:
    assert report(Severity.INFO, Severity.LOW).compliant
    assert report(Severity.MEDIUM).issues == ["X-1: here: so"]


def test_a_finding_without_a_severity_has_its_rules() -> None:
    assert report(None).as_json()["findings"][0]["severity"] == "high"


def test_the_worst_is_known() -> None:
    assert report(Severity.LOW, None).worst is Severity.HIGH
    assert report().worst is None


def test_what_could_not_be_examined_is_not_compliant() -> None:
    unexamined = SecurityReport("x", unexamined=Unexamined("x", "no connection"))

    assert (unexamined.compliant, unexamined.as_json()["compliant"]) == (False, False)
    assert unexamined.issues == []


def test_findings_come_worst_first_and_a_rule_stands_once_among_the_unjudged() -> None:
    seen = (
        Finding("a", "low", Severity.LOW),
        NotChecked("NOT_APPLICABLE: one"),
        Finding("b", "high"),
        NotChecked("INCONCLUSIVE: two"),
    )
    made = report_of("x", judge([high], {Kind.PASSIVE: seen}, (Kind.PASSIVE,)))

    assert [each.finding.where for each in made.findings] == ["b", "a"]
    assert made.not_checked == (("X-1", "INCONCLUSIVE: two; NOT_APPLICABLE: one"),)
    assert made.passed == ()
