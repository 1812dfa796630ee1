"""What an audit says: findings, what passed, and what could not be checked and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mcp_vacuum.audit.engine import COUNTS_FROM, Judgement
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Finding, Rule, Severity


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding with its rule."""

    rule: Rule
    finding: Finding

    @property
    def severity(self) -> Severity:
        """The finding's own severity, or else the rule's."""
        return self.rule.severity if self.finding.severity is None else self.finding.severity

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` promises."""
        return {
            "rule": self.rule.id,
            "severity": self.severity.word,
            "title": self.rule.title,
            "where": self.finding.where,
            "why": self.finding.why,
            "fix": self.rule.fix,
            "sources": list(self.rule.sources),
            "certain": self.finding.certain,
        }


@dataclass(frozen=True, slots=True)
class Unexamined:
    """A target that could not be audited.

    Attributes:
        target: As it was asked for.
        because: Why, in a sentence.
        said: What it printed last, line by line, masked.
    """

    target: str
    because: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityReport:
    """The result of an audit of one target; `compliant` and `issues` are computed from the findings.

    Attributes:
        target: What was audited.
        findings: Worst first.
        passed: Ids of the rules that hold.
        not_checked: Rule id and why; begins with INCONCLUSIVE or NOT_APPLICABLE.
        exchanges: What was sent and came back, if anything was.
        unexamined: Why almost nothing could be told, where even the control failed; None otherwise.
    """

    target: str
    findings: tuple[ReportedFinding, ...] = ()
    passed: tuple[str, ...] = ()
    not_checked: tuple[tuple[str, str], ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    unexamined: Unexamined | None = None

    @property
    def issues(self) -> list[str]:
        """One sentence for each finding of medium severity or worse."""
        return [
            f"{found.rule.id}: {found.finding.where}: {found.finding.why}"
            for found in self.findings
            if found.severity >= COUNTS_FROM
        ]

    @property
    def compliant(self) -> bool:
        """True if there are no issues in a target that could be examined."""
        return not self.issues and self.unexamined is None

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding, None if there is none."""
        return max((found.severity for found in self.findings), default=None)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `audit --json` promises."""
        return {
            "target": self.target,
            "compliant": self.compliant,
            "findings": [found.as_json() for found in self.findings],
            "passed": list(self.passed),
            "not_checked": [{"rule": rule, "because": because} for rule, because in self.not_checked],
        }


def report_of(
    target: str, judgements: Iterable[Judgement], exchanges: tuple[Exchange, ...] = ()
) -> SecurityReport:
    """Put the verdicts of one target together; findings worst first, one entry a rule elsewhere."""
    judged = tuple(judgements)
    found = [ReportedFinding(each.rule, finding) for each in judged for finding in each.findings]
    found.sort(key=lambda reported: -reported.severity)
    return SecurityReport(
        target,
        tuple(found),
        tuple(each.rule.id for each in judged if not each.findings and not each.not_checked),
        tuple((each.rule.id, "; ".join(sorted(each.not_checked))) for each in judged if each.not_checked),
        exchanges,
    )
