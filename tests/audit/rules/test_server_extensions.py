"""DPoP, pushed requests, device logins, ID-JAG and proxies."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.endpoints import Endpoints
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_extensions import (
    RULES,
    cookies_are_strict,
    dpop_algorithms_are_asymmetric,
)
from tests.audit.made import answered
from tests.audit.seen import evidence, judged


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-DPOP-01",
        "AS-PAR-01",
        "AS-DEV-01",
        "AS-JAG-01",
        "AS-PROXY-01",
        "AS-PROXY-02",
    ]


def test_no_cookie_and_no_dpop_say_nothing() -> None:
    seen = evidence(endpoints=Endpoints(page=answered(400)))

    assert judged(cookies_are_strict, seen).verdict is Verdict.INCONCLUSIVE
    assert judged(dpop_algorithms_are_asymmetric, seen).verdict is Verdict.NOT_APPLICABLE


def test_a_strict_cookie_is_right_and_another_one_a_doubt() -> None:
    strict = (("set-cookie", "__Host-c=1; Path=/; Secure; HttpOnly; SameSite=Lax"),)
    loose = (("set-cookie", "c=1"),)

    assert (
        judged(cookies_are_strict, evidence(endpoints=Endpoints(page=answered(400, headers=strict)))).verdict
        is Verdict.PASS
    )
    assert (
        judged(cookies_are_strict, evidence(endpoints=Endpoints(page=answered(400, headers=loose)))).verdict
        is Verdict.WARN
    )
