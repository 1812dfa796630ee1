"""Rules about `iss` and mix-up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Answer, Place, Run
from mcp_vacuum.audit.marks import FORGED_LINE
from mcp_vacuum.audit.rule import Rule, Severity, Verdict
from mcp_vacuum.audit.rules.client_issuer import (
    RULES,
    foreign_error_is_ignored,
    iss_is_not_normalised,
    issuer_is_recorded,
    missing_iss_is_rejected,
    mix_up_fails,
    repeated_parameters_are_rejected,
    wrong_iss_is_rejected,
)
from tests.audit.client_runs import CALLBACK, HERE, WORKED, judged, opened, redemption, run

CAME = (Answer("the answer", "GET", CALLBACK, 200),)
OTHER = Place(
    "http://127.0.0.1:8/mcp", "http://127.0.0.1:9", "http://127.0.0.1:8/mcp", "", ("code-of-other",)
)
PROCEEDED = run("LAB-14/unpromised", redemption(), opened=(opened(),), answers=CAME)
"""Where iss is neither promised nor there."""
SCENARIOS = [
    (issuer_is_recorded, ["late"], "LAB-16"),
    (wrong_iss_is_rejected, ["wrong", "wrong-false", "wrong-absent"], "LAB-14"),
    (missing_iss_is_rejected, ["missing"], "LAB-14"),
    (iss_is_not_normalised, ["case", "slash", "percent"], "LAB-14"),
    (
        repeated_parameters_are_rejected,
        ["two-codes", "two-codes-turned", "two-states", "two-iss", "two-iss-turned"],
        "LAB-14",
    ),
]


@pytest.mark.parametrize(("rule", "variants", "family"), SCENARIOS)
def test_a_code_that_is_redeemed_all_the_same_is_found_in_every_variant(
    rule: Rule, variants: list[str], family: str
) -> None:
    names = [f"{family}/{variant}" for variant in variants]
    refused = [run(name, opened=(opened(),), answers=CAME) for name in names]

    assert judged(rule, WORKED, PROCEEDED, *refused).verdict is Verdict.PASS
    for number, name in enumerate(names):
        crossed = run(name, redemption(), opened=(opened(),), answers=CAME)
        judgement = judged(rule, WORKED, *refused[:number], crossed, *refused[number + 1 :])
        assert [each.where for each in judgement.findings] == [f"scenario {name}"]


@pytest.mark.parametrize(("rule", "variants", "family"), SCENARIOS)
def test_a_client_that_never_got_the_answer_is_not_judged(
    rule: Rule, variants: list[str], family: str
) -> None:
    stopped = [run(f"{family}/{variant}", opened=(opened(),)) for variant in variants]

    assert judged(rule, WORKED, *stopped).verdict is Verdict.INCONCLUSIVE
    assert judged(rule, *stopped).verdict is Verdict.INCONCLUSIVE


def test_to_insist_on_an_iss_that_nobody_promised_is_mild() -> None:
    refused = run("LAB-14/missing", opened=(opened(),), answers=CAME)
    strict = run("LAB-14/unpromised", opened=(opened(),), answers=CAME)
    (found,) = judged(missing_iss_is_rejected, WORKED, refused, strict).findings

    assert found.severity is Severity.LOW
    assert judged(missing_iss_is_rejected, refused, strict).findings == ()


@pytest.mark.parametrize("where", ["output", "page"])
def test_words_of_another_issuer_that_are_shown_are_found(where: str) -> None:
    page = (Answer("the answer", "GET", CALLBACK, 200, (), FORGED_LINE if where == "page" else ""),)
    output = f"failed: {FORGED_LINE}" if where == "output" else ""
    shown = run("LAB-15/stranger", opened=(opened(),), answers=page, output=output)
    quiet = run("LAB-15/stranger", opened=(opened(),), answers=CAME, output="failed")

    assert judged(foreign_error_is_ignored, WORKED, shown).verdict is Verdict.FAIL
    assert judged(foreign_error_is_ignored, WORKED, quiet).verdict is Verdict.PASS


def test_another_try_after_an_error_of_another_issuer_is_found() -> None:
    again = run("LAB-15/stranger", opened=(opened(), opened(state="y" * 43)), answers=CAME)
    (found,) = judged(foreign_error_is_ignored, WORKED, again).findings

    assert "once more" in found.why


def mixed_up(*codes: str) -> tuple[Run, Run]:
    both = (HERE, OTHER)
    return tuple(  # type: ignore[return-value]
        replace(run(f"LAB-16/{name}", *map(redemption, codes), opened=(opened(),), answers=CAME), places=both)
        for name in ("mix-up", "endpoint")
    )


def test_a_code_of_the_honest_server_at_the_attacker_is_found() -> None:
    assert judged(mix_up_fails, WORKED, *mixed_up("code-of-other")).verdict is Verdict.FAIL
    assert judged(mix_up_fails, WORKED, *mixed_up()).verdict is Verdict.PASS


def test_a_mix_up_without_a_code_is_not_judged() -> None:
    bare = [replace(each, places=(HERE, replace(OTHER, codes=()))) for each in mixed_up()]

    assert judged(mix_up_fails, WORKED, *bare).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [f"CL-ISS-0{number}" for number in range(1, 8)]
