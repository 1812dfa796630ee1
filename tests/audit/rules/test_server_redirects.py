"""Where people are sent."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_redirects import (
    RULES,
    nobody_is_forwarded,
    redirect_uris_are_compared_exactly,
    response_is_not_polluted,
    unregistered_uri_gets_nothing,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively

PAGE = answered(200, b"<form><input type=password></form>", media_type="text/html")


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["AS-AUTHZ-01", "AS-AUTHZ-02", "AS-AUTHZ-07", "AS-AUTHZ-13"]


def test_a_login_page_is_no_verdict_until_somebody_logged_in(honest: Honest) -> None:
    seen = altered(honest[0], foreign_redirect=PAGE)

    assert judged_actively(unregistered_uri_gets_nothing, seen).verdict is Verdict.INCONCLUSIVE


def test_a_mutation_that_nobody_decided_is_inconclusive(honest: Honest) -> None:
    seen = replace(honest[0], seen={**honest[0].seen, "redirect: another host": PAGE})

    assert judged_actively(redirect_uris_are_compared_exactly, seen).verdict is Verdict.INCONCLUSIVE


def test_an_honest_answer_to_an_odd_request_passes_only_if_it_was_odd(honest: Honest) -> None:
    seen, _ = honest
    plain = replace(
        seen, visits={"first": seen.visits["first"], "ladder": replace(seen.visits["ladder"], sent=())}
    )

    assert judged_actively(response_is_not_polluted, seen).verdict is Verdict.PASS
    assert judged_actively(response_is_not_polluted, plain).verdict is Verdict.INCONCLUSIVE


def test_where_no_foreign_uri_is_registered_nobody_is_forwarded_to_one(honest: Honest) -> None:
    seen = altered(honest[0], forwarded_scope=None)

    assert judged_actively(nobody_is_forwarded, seen).verdict is Verdict.NOT_APPLICABLE
