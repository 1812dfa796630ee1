"""What access tokens say."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_token_content import (
    RULES,
    jwt_tokens_keep_the_profile,
    tokens_are_for_one_resource,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively
from tests.audit.test_jwt import TOKEN


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["AS-TOK-04", "AS-TOK-05"]


def test_a_token_of_another_issuer_for_another_resource_is_found(honest: Honest) -> None:
    seen = altered(honest[0], redeemed=answered(200, {"access_token": TOKEN}))

    assert "the issuer is" in judged_actively(jwt_tokens_keep_the_profile, seen).findings[0].why
    assert "was asked for" in judged_actively(tokens_are_for_one_resource, seen).findings[0].why


def test_an_unknown_resource_that_a_person_is_asked_about_needs_a_login(honest: Honest) -> None:
    page = answered(200, b"<form><input type=password></form>", media_type="text/html")
    seen = altered(honest[0], foreign_resource=page)

    assert judged_actively(tokens_are_for_one_resource, seen).verdict is Verdict.INCONCLUSIVE
