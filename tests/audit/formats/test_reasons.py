"""Reasons, taken apart and put together."""

from __future__ import annotations

from mcp_vacuum.audit.formats.reasons import NOT_BUILT, reasons_of, together, unclear

BOTH = (
    "INCONCLUSIVE: no answer; INCONCLUSIVE: not built yet: it takes a login; NOT_APPLICABLE: no key; and why"
)


def test_reasons_are_told_apart_by_their_kind() -> None:
    assert reasons_of(BOTH) == {
        "INCONCLUSIVE": ["no answer", "not built yet: it takes a login"],
        "NOT_APPLICABLE": ["no key; and why"],
    }


def test_what_was_seen_goes_before_what_is_not_built() -> None:
    assert unclear(BOTH) == "no answer"
    assert unclear("INCONCLUSIVE: not built yet: it takes a login") == NOT_BUILT
    assert unclear("NOT_APPLICABLE: no key") == ""


def test_rules_of_one_reason_are_together_and_the_most_come_first() -> None:
    rules = together({"A": "one", "B": "two", "C": "two"})

    assert list(rules.items()) == [("two", ["B", "C"]), ("one", ["A"])]
