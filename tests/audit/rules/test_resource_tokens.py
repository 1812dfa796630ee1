"""Which tokens an MCP server takes."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.resource_tokens import RULES, garbage_is_refused
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "RS-TOK-01",
        "RS-TOK-02",
        "RS-TOK-03",
        "RS-TOK-04",
        "RS-TOK-05",
        "RS-TOK-06",
        "RS-TOK-07",
        "RS-TOK-08",
        "RS-TOK-09",
        "RS-TOK-10",
        "RS-TOK-11",
    ]


def test_refusals_count_only_where_a_good_token_is_taken(honest: Honest) -> None:
    seen = altered(honest[0], used=answered(401))

    assert judged_actively(garbage_is_refused, seen).verdict is Verdict.INCONCLUSIVE


def test_breaking_at_garbage_is_a_remark(honest: Honest) -> None:
    broken = answered(500)
    seen = altered(honest[0], **{"garbage: null": broken, "garbage: the word null": broken})
    (found,) = judged_actively(garbage_is_refused, seen).findings

    assert found.severity is Severity.LOW
