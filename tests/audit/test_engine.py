"""Each rule of a target ends with one verdict."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    Verdict,
    inconclusive,
    planned,
    rule,
)


def made(*results: Finding | NotChecked | Exception, level: Level = Level.MUST, kinds: int = 1) -> Rule:
    @rule(
        id="X-01",
        title="t",
        level=level,
        severity=Severity.HIGH,
        sources=("s",),
        fix="f",
        kinds=(Kind.PASSIVE, Kind.ACTIVE)[:kinds],
        bad="b",
        good="g",
        because="no ladder",
    )
    def check(evidence: object) -> Results:
        """The reason."""
        for result in results:
            if isinstance(result, Exception):
                raise result
            yield result

    return check


def verdict(of: Rule, *seen: Kind) -> Verdict:
    evidence = dict.fromkeys(seen or (Kind.PASSIVE,), object())
    (judgement,) = judge([of], evidence, (Kind.PASSIVE, Kind.ACTIVE))
    return judgement.verdict


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((), Verdict.PASS),
        ((Finding("w", "y"),), Verdict.FAIL),
        ((Finding("w", "y", Severity.LOW),), Verdict.WARN),
        ((Finding("w", "y", certain=False),), Verdict.WARN),
        ((NotChecked("NOT_APPLICABLE: n"),), Verdict.NOT_APPLICABLE),
        ((NotChecked("NOT_APPLICABLE: n"), NotChecked("INCONCLUSIVE: n")), Verdict.INCONCLUSIVE),
        ((inconclusive("no answer"),), Verdict.INCONCLUSIVE),
        ((Finding("w", "y"), inconclusive("then it broke off")), Verdict.FAIL),
    ],
)
def test_the_verdict_follows_from_the_results(results: tuple[Finding, ...], expected: Verdict) -> None:
    assert verdict(made(*results)) is expected


def test_advice_is_never_a_failure() -> None:
    assert verdict(made(Finding("w", "y"), level=Level.ADVICE)) is Verdict.WARN


def test_half_a_look_is_no_pass() -> None:
    assert verdict(made(kinds=2)) is Verdict.INCONCLUSIVE
    assert verdict(made(Finding("w", "y"), kinds=2)) is Verdict.FAIL


def test_what_is_planned_is_never_passed() -> None:
    row = planned(
        id="X-02",
        title="t",
        level=Level.MUST,
        severity=Severity.LOW,
        sources=("s",),
        fix="f",
        kinds=(Kind.PASSIVE,),
        because="nobody built it",
    )
    (judgement,) = judge([row], {Kind.PASSIVE: object()}, (Kind.PASSIVE,))

    assert judgement.not_checked == ("INCONCLUSIVE: not built yet: nobody built it",)


def test_a_rule_about_other_targets_is_left_out() -> None:
    assert judge([made()], {Kind.STORE: object()}, (Kind.STORE,)) == ()
