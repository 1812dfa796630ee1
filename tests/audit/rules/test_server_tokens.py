"""Access tokens as an authorization server issues them."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.server_tokens import (
    RULES,
    access_tokens_are_short_lived,
    no_more_scope_than_asked,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-TOK-01",
        "AS-TOK-02",
        "AS-TOK-03",
        "AS-TOK-04",
        "AS-TOK-05",
        "AS-TOK-06",
        "AS-TOK-07",
    ]


def test_less_than_a_quarter_of_an_hour_is_a_remark(honest: Honest) -> None:
    short = answered(200, {"access_token": "x", "token_type": "Bearer", "expires_in": 300})
    (found,) = judged_actively(access_tokens_are_short_lived, altered(honest[0], redeemed=short)).findings

    assert found.severity is Severity.INFO


def test_less_scope_than_asked_is_fine(honest: Honest) -> None:
    less = answered(200, {"access_token": "x", "scope": "mcp:tools"})

    assert (
        judged_actively(no_more_scope_than_asked, altered(honest[0], redeemed=less)).verdict is Verdict.PASS
    )
