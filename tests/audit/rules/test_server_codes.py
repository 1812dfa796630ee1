"""Grants that must not be served, and authorization codes."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.server_codes import (
    RULES,
    a_code_expires,
    a_code_works_once,
    legacy_grants_are_refused,
    replay_ends_the_grant,
)
from tests.audit.made import answered, unanswered
from tests.audit.seen_actively import Honest, altered, judged_actively
from tests.audit.test_jwt import TOKEN


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-GRANT-01",
        "AS-CODE-01",
        "AS-CODE-02",
        "AS-CODE-03",
        "AS-CODE-04",
    ]


def test_one_lost_answer_among_the_replays_is_enough_not_to_tell(honest: Honest) -> None:
    seen = altered(honest[0], replayed=unanswered())

    assert judged_actively(a_code_works_once, seen).verdict is Verdict.INCONCLUSIVE


def test_a_grant_that_is_as_unknown_as_one_that_does_not_exist_is_refused(honest: Honest) -> None:
    odd = answered(400, {"error": "invalid_request"})
    seen = altered(honest[0], password=odd, unknown_grant=odd)

    assert judged_actively(legacy_grants_are_refused, seen).verdict is Verdict.PASS
    assert (
        judged_actively(legacy_grants_are_refused, altered(honest[0], password=odd)).verdict
        is Verdict.INCONCLUSIVE
    )


def test_a_token_that_lasts_by_itself_is_milder(honest: Honest) -> None:
    served, granted = answered(200, {"result": {}}), answered(200, {"access_token": TOKEN})
    opaque = judged_actively(replay_ends_the_grant, altered(honest[0], after_replay=served))
    signed = judged_actively(
        replay_ends_the_grant, altered(honest[0], after_replay=served, granted_once=granted)
    )

    assert [each.severity for each in opaque.findings] == [Severity.MEDIUM]
    assert [each.severity for each in signed.findings] == [Severity.LOW]


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (answered(400, {"error": "invalid_grant"}), Verdict.PASS),
        (answered(200, {"access_token": "a", "token_type": "Bearer"}), Verdict.FAIL),
        (answered(503), Verdict.INCONCLUSIVE),
        (answered(429), Verdict.INCONCLUSIVE),
        (unanswered(), Verdict.INCONCLUSIVE),
    ],
)
def test_a_code_that_was_held_is_judged_by_its_answer(
    honest: Honest, held: Exchange, verdict: Verdict
) -> None:
    assert judged_actively(a_code_expires, altered(honest[0], held=held)).verdict is verdict


def test_without_the_flag_no_code_is_held_and_the_reason_names_it(honest: Honest) -> None:
    judgement = judged_actively(a_code_expires, honest[0])

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "--patient" in judgement.not_checked[0]


def test_a_refusal_counts_only_beside_a_login_that_works(honest: Honest) -> None:
    refused = answered(400, {"error": "invalid_grant"})
    seen = altered(honest[0], held=refused, redeemed=refused)

    assert judged_actively(a_code_expires, seen).verdict is Verdict.INCONCLUSIVE
