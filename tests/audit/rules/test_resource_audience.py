"""For whom tokens are."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.resource_audience import (
    RULES,
    other_audiences_are_refused,
    tokens_are_addressed_to_this_server,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively
from tests.audit.test_jwt import TOKEN


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["RS-TOK-05", "RS-TOK-06"]


def test_an_opaque_token_does_not_say_what_it_is_for(honest: Honest) -> None:
    assert judged_actively(tokens_are_addressed_to_this_server, honest[0]).verdict is Verdict.INCONCLUSIVE


def test_a_token_that_is_not_for_the_other_resource_proves_nothing(honest: Honest) -> None:
    seen = altered(honest[0], other_resource=answered(200, {"access_token": TOKEN}))

    assert judged_actively(other_audiences_are_refused, seen).verdict is Verdict.INCONCLUSIVE
