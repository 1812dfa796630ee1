"""Rules are values."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.rule import Finding, Kind, NotChecked, Results, also
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE

ALL = (*CATALOGUE, *OF_THE_GUIDE)
IMPLEMENTED = [rule for rule in ALL if rule.implemented]


def test_the_catalogue_has_180_rules_and_each_once() -> None:
    assert len(CATALOGUE) == len({rule.id for rule in CATALOGUE}) == 180


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_every_row_is_complete(rule: object) -> None:
    for member in ("title", "sources", "fix", "kinds"):
        assert getattr(rule, member)


@pytest.mark.parametrize("rule", IMPLEMENTED, ids=lambda rule: rule.id)
def test_every_rule_that_is_checked_teaches(rule: object) -> None:
    assert getattr(rule, "why", "").endswith(".")
    assert getattr(rule, "bad", "")
    assert getattr(rule, "good", "")


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_whatever_is_not_checked_says_why(rule: object) -> None:
    assert bool(getattr(rule, "missing", ())) == bool(getattr(rule, "because", ""))


def test_a_reason_begins_with_its_verdict() -> None:
    with pytest.raises(ValueError, match="not a reason"):
        NotChecked("because")


def test_also_adds_a_check_and_leaves_the_first() -> None:
    first = next(rule for rule in CATALOGUE if rule.id == "AS-PKCE-01")

    @also(first, Kind.ACTIVE)
    def second(evidence: object) -> Results:
        yield Finding("here", "so")

    assert second.kinds == (Kind.PASSIVE, Kind.ACTIVE)
    assert second.checks[Kind.PASSIVE] is first.checks[Kind.PASSIVE]
    assert Kind.ACTIVE not in first.checks
