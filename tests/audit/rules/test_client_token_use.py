"""Rules about what a client does with its access token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Place, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.marks import ID_TOKEN_NAME, UNSIGNED
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_token_use import (
    RULES,
    id_tokens_are_not_believed,
    only_own_tokens_are_sent,
    token_stays_at_its_origin,
    token_type_is_checked,
)
from tests.audit.client_runs import AS, HERE, WORKED, call, exchange, judged, opened, redemption, run

OWN = HERE.access_tokens[0]
THERE = "http://127.0.0.1:8"
OTHER = Place(f"{THERE}/mcp", "http://127.0.0.1:9", f"{THERE}/mcp", "", (), ("at-other",))
MOVED = ("301", "302", "307", "308")
WRONG_TYPES = ("n-a", "mac", "untyped")


def at(url: str, token: str) -> Exchange:
    return exchange("POST", url, authorization=f"Bearer {token}")


def two(scenario: str, *exchanges: Exchange) -> Run:
    return replace(run(scenario, *exchanges), places=(HERE, OTHER))


@pytest.mark.parametrize("status", MOVED)
def test_a_token_that_follows_a_redirect_is_found(status: str) -> None:
    kept = [two(f"LAB-22/{each}", call(), exchange("POST", f"{THERE}/mcp")) for each in MOVED]
    followed = two(f"LAB-22/{status}", call(), at(f"{THERE}/mcp", OWN))

    assert judged(token_stays_at_its_origin, WORKED, *kept).verdict is Verdict.PASS
    (found,) = judged(token_stays_at_its_origin, WORKED, *kept, followed).findings
    assert found.where == f"scenario LAB-22/{status}"


def test_the_old_transport_counts_only_where_it_is_spoken() -> None:
    kept = [two(f"LAB-22/{each}", call()) for each in MOVED]

    assert judged(token_stays_at_its_origin, WORKED, *kept).verdict is Verdict.PASS
    assert judged(token_stays_at_its_origin, WORKED, *kept, two("LAB-22/sse")).verdict is Verdict.PASS
    followed = two("LAB-22/sse", call(405), at(f"{THERE}/mcp", OWN))
    assert judged(token_stays_at_its_origin, WORKED, *kept, followed).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "crossed", [at(f"{THERE}/mcp", OWN), at(f"{AS}/token", "at-other"), at(OTHER.issuer, OWN)]
)
def test_a_token_at_the_other_server_is_found(crossed: Exchange) -> None:
    own = (call(), at(f"{THERE}/mcp", "at-other"))
    beside = run("LAB-20/id-token", redemption(), call())

    assert judged(only_own_tokens_are_sent, WORKED, beside, two("LAB-20/two", *own)).verdict is Verdict.PASS
    found = judged(only_own_tokens_are_sent, WORKED, beside, two("LAB-20/two", *own, crossed))
    assert found.verdict is Verdict.FAIL


def test_an_id_token_that_is_sent_is_found() -> None:
    sent = run("LAB-20/id-token", redemption(), call(token=UNSIGNED))
    judgement = judged(only_own_tokens_are_sent, WORKED, sent, two("LAB-20/two"))

    assert [each.where for each in judgement.findings] == ["scenario LAB-20/id-token"]


@pytest.mark.parametrize("kind", WRONG_TYPES)
def test_a_token_of_an_unknown_type_that_is_used_is_found(kind: str) -> None:
    good = run("LAB-20/upper-case", redemption(), call())
    refused = [good, *(run(f"LAB-20/{each}", redemption()) for each in WRONG_TYPES)]
    used = run(f"LAB-20/{kind}", redemption(), call())

    assert judged(token_type_is_checked, WORKED, *refused).verdict is Verdict.PASS
    assert judged(token_type_is_checked, WORKED, *refused, used).verdict is Verdict.FAIL
    assert judged(token_type_is_checked, WORKED, *refused[:-1]).verdict is Verdict.INCONCLUSIVE
    assert judged(token_type_is_checked, WORKED).verdict is Verdict.INCONCLUSIVE


def test_another_spelling_that_is_refused_is_mild() -> None:
    (found,) = judged(token_type_is_checked, WORKED, run("LAB-20/upper-case", redemption())).findings

    assert found.severity is Severity.LOW


def test_dpop_that_is_lost_is_found_only_where_it_was_wanted() -> None:
    proved = exchange("POST", f"{AS}/token", form={"grant_type": "authorization_code", "code": "c"}, dpop="p")

    (found,) = judged(token_type_is_checked, WORKED, run("LAB-20/dpop-lost", proved, call())).findings
    assert found.severity is Severity.HIGH
    assert judged(token_type_is_checked, WORKED, run("LAB-20/dpop-lost", redemption(), call())).findings == ()


def test_a_name_out_of_an_unsigned_id_token_is_found() -> None:
    plain = run("LAB-20/id-token", redemption(), call(), opened=(opened(),))
    asked = run("LAB-20/id-token", redemption(), call(), opened=(opened(scope="openid"),))
    shown = run("LAB-20/id-token", redemption(), call(), output=f"hello {ID_TOKEN_NAME}")

    assert judged(id_tokens_are_not_believed, plain).verdict is Verdict.NOT_APPLICABLE
    assert judged(id_tokens_are_not_believed, asked).verdict is Verdict.INCONCLUSIVE
    assert judged(id_tokens_are_not_believed, shown).verdict is Verdict.FAIL


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-TOK-02", "CL-TOK-03", "CL-TOK-05", "CL-OIDC-01"]
