"""Rules over evidence: each rule of a target ends with exactly one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_vacuum.audit.rule import CannotTell, Finding, Kind, Level, NotChecked, Rule, Severity, Verdict

COUNTS_FROM = Severity.MEDIUM
"""Findings from this severity on are issues; milder ones are remarks."""

Evidence = Mapping[Kind, Any]
"""What was collected, by kind; a kind that was not looked at is not in it."""

_FLAGS = {Kind.ACTIVE: "only --active looks at it"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says about one target."""

    rule: Rule
    findings: tuple[Finding, ...] = ()
    not_checked: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict; a finding outweighs what could not be checked beside it."""
        if any(self._counts(finding) for finding in self.findings):
            return Verdict.FAIL
        if self.findings:
            return Verdict.WARN
        if any(because.startswith(Verdict.INCONCLUSIVE.value) for because in self.not_checked):
            return Verdict.INCONCLUSIVE
        return Verdict.NOT_APPLICABLE if self.not_checked else Verdict.PASS

    def _counts(self, finding: Finding) -> bool:
        severity = self.rule.severity if finding.severity is None else finding.severity
        return finding.certain and severity >= COUNTS_FROM and self.rule.level is not Level.ADVICE


def judge(rules: Iterable[Rule], evidence: Evidence, kinds: Iterable[Kind]) -> tuple[Judgement, ...]:
    """Apply every rule that concerns a target.

    Args:
        rules: The catalogue.
        evidence: By kind.
        kinds: What could be looked at in such a target. A rule holds only when all of its kinds among them
            were; what was left out is INCONCLUSIVE, with the reason.
    """
    possible = tuple(kinds)
    concerned = (rule for rule in rules if any(kind in rule.kinds for kind in possible))
    return tuple(_judged(rule, evidence, possible) for rule in concerned)


def _judged(rule: Rule, evidence: Evidence, possible: tuple[Kind, ...]) -> Judgement:
    findings: list[Finding] = []
    not_checked: list[str] = []
    for kind in possible:
        if kind not in rule.kinds:
            continue
        for result in _results(rule, kind, evidence):
            if isinstance(result, Finding):
                findings.append(result)
            else:
                not_checked.append(result.because)
    return Judgement(rule, tuple(findings), tuple(dict.fromkeys(not_checked)))


def _results(rule: Rule, kind: Kind, evidence: Evidence) -> Iterable[Finding | NotChecked]:
    if kind not in rule.checks:
        return [NotChecked(f"INCONCLUSIVE: not built yet: {rule.because}")]
    if kind not in evidence:
        return [NotChecked(f"INCONCLUSIVE: {_FLAGS.get(kind, f'the {kind.value} part was not looked at')}")]
    results: list[Finding | NotChecked] = []
    try:
        results.extend(rule.checks[kind](evidence[kind]))
    except CannotTell as unseen:
        results.append(unseen.result)
    return results
