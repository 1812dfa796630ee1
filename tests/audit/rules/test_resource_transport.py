"""Sessions, origins, caches, connections and errors of an MCP server."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.strangers import Elsewhere, Strangers
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.resource_transport import (
    RULES,
    cors_is_closed,
    local_servers_stay_local,
    origin_is_validated,
    tls_is_sound,
)
from tests.audit.made import answered, unanswered
from tests.audit.seen import evidence, judged


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "RS-SESS-01",
        "RS-SESS-02",
        "RS-HTTP-01",
        "RS-HTTP-02",
        "RS-HTTP-03",
        "RS-HTTP-04",
        "RS-TLS-01",
        "RS-ERR-01",
    ]


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (answered(403), Verdict.PASS),
        (answered(200, {}), Verdict.FAIL),
        (answered(401), Verdict.INCONCLUSIVE),
        (answered(503), Verdict.INCONCLUSIVE),
        (answered(429), Verdict.INCONCLUSIVE),
        (unanswered(), Verdict.INCONCLUSIVE),
    ],
)
def test_a_refusal_of_a_foreign_origin_counts_only_beside_its_control(
    asked: Exchange, verdict: Verdict
) -> None:
    seen = evidence(strangers=Strangers(asked, answered(405)))

    assert judged(origin_is_validated, seen).verdict is verdict


def test_the_same_answer_without_the_origin_tells_nothing() -> None:
    greetings = {**evidence().greetings, "initialize": answered(403)}
    seen = evidence(greetings=greetings, strangers=Strangers(answered(403), answered(403)))

    assert judged(origin_is_validated, seen).verdict is Verdict.INCONCLUSIVE


def test_what_was_not_asked_is_not_passed() -> None:
    seen = evidence(strangers=Strangers(unanswered(), unanswered()))

    assert judged(cors_is_closed, seen).verdict is Verdict.INCONCLUSIVE
    assert judged(origin_is_validated, evidence()).verdict is Verdict.INCONCLUSIVE


def test_a_server_elsewhere_has_no_loopback_to_stay_on() -> None:
    assert judged(local_servers_stay_local, evidence()).verdict is Verdict.NOT_APPLICABLE
    assert (
        judged(local_servers_stay_local, evidence(elsewhere=Elsewhere((), ()))).verdict
        is Verdict.INCONCLUSIVE
    )


def test_a_server_whose_tls_nobody_looked_at_is_not_passed() -> None:
    assert judged(tls_is_sound, evidence()).verdict is Verdict.NOT_APPLICABLE
