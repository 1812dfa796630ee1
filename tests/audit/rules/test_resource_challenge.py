"""How an MCP server greets a request without a token, or with a bad one."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.resource_challenge import RULES, error_codes_match
from tests.audit.made import answered, unanswered
from tests.audit.seen import evidence, judged

INVALID = (("www-authenticate", 'Bearer error="invalid_token"'),)


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["RS-CHAL-01", "RS-CHAL-02", "RS-CHAL-03"]


@pytest.mark.parametrize(
    ("bad_token", "verdict"),
    [
        (answered(401, headers=INVALID), Verdict.PASS),
        (answered(401), Verdict.WARN),
        (answered(400), Verdict.FAIL),
        (answered(500), Verdict.INCONCLUSIVE),
        (unanswered(), Verdict.INCONCLUSIVE),
        (None, Verdict.INCONCLUSIVE),
    ],
)
def test_what_is_no_token(bad_token: Exchange | None, verdict: Verdict) -> None:
    assert judged(error_codes_match, evidence(bad_token=bad_token)).verdict is verdict
