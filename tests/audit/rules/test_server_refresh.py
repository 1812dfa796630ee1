"""Refresh tokens at an authorization server, revocation and introspection."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_refresh import (
    RULES,
    refresh_cannot_widen,
    refresh_tokens_belong_to_their_client,
    reuse_ends_the_family,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively

REFUSED = answered(400, {"error": "invalid_grant"})


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-RT-01",
        "AS-RT-02",
        "AS-RT-03",
        "AS-RT-04",
        "AS-REV-01",
        "AS-INTRO-01",
    ]


def test_a_login_that_had_ended_before_proves_no_reuse_detection(honest: Honest) -> None:
    seen = altered(honest[0], reused=None)

    assert judged_actively(reuse_ends_the_family, seen).verdict is Verdict.INCONCLUSIVE


def test_an_error_that_repeats_the_scope_grants_nothing(honest: Honest) -> None:
    echo = answered(400, {"error": "invalid_scope", "scope": "audit:no-such-scope"})

    assert (
        judged_actively(refresh_cannot_widen, altered(honest[0], refreshed_wider=echo)).verdict
        is Verdict.PASS
    )


def test_a_token_that_is_refused_to_its_own_client_too_proves_nothing(honest: Honest) -> None:
    seen = altered(honest[0], refreshed_as_itself=REFUSED)

    assert judged_actively(refresh_tokens_belong_to_their_client, seen).verdict is Verdict.INCONCLUSIVE
