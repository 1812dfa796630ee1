"""PKCE at an authorization server (RFC 7636, OAuth 2.1 §4.1)."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_pkce import RULES, pkce_is_required, plain_is_not_accepted
from tests.audit.made import answered, unanswered
from tests.audit.seen_actively import Honest, altered, judged_actively


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-PKCE-01",
        "AS-PKCE-02",
        "AS-PKCE-03",
        "AS-PKCE-04",
        "AS-PKCE-05",
        "AS-PKCE-06",
    ]


def test_a_login_page_alone_is_no_verdict(honest: Honest) -> None:
    page = answered(200, b"<form><input type=password></form>", media_type="text/html")

    assert (
        judged_actively(pkce_is_required, altered(honest[0], no_challenge=page)).verdict
        is Verdict.INCONCLUSIVE
    )


def test_a_refusal_counts_only_where_the_sound_request_is_taken(honest: Honest) -> None:
    seen = altered(honest[0], asked=answered(400, b"<p>no", media_type="text/html"))

    assert judged_actively(pkce_is_required, seen).verdict is Verdict.INCONCLUSIVE
    assert (
        judged_actively(plain_is_not_accepted, altered(honest[0], plain=unanswered())).verdict
        is Verdict.INCONCLUSIVE
    )
