"""The metadata of a protected resource (RFC 9728)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.server import Issuer, read
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.resource_metadata import (
    RULES,
    authorization_servers_are_listed,
    metadata_is_published,
)
from tests.audit.made import unanswered
from tests.audit.seen import AS, METADATA, PRM, evidence, judged


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "RS-META-01",
        "RS-META-02",
        "RS-META-03",
        "RS-META-05",
        "RS-META-06",
    ]


def test_an_issuer_that_does_not_answer_is_no_finding_and_not_passed() -> None:
    silent = Issuer(AS, (read("oauth", METADATA, unanswered()),))

    assert judged(authorization_servers_are_listed, evidence()).verdict is Verdict.PASS
    assert (
        judged(authorization_servers_are_listed, evidence(issuers=(silent,))).verdict is Verdict.INCONCLUSIVE
    )


def test_a_second_fetch_that_fails_tells_nothing() -> None:
    seen = evidence(again=read("path", PRM, unanswered()))

    assert judged(metadata_is_published, seen).verdict is Verdict.INCONCLUSIVE
