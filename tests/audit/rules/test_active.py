"""What every active rule has in common: it never passes silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.rule import Kind, Rule, Verdict
from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.made import answered, unanswered
from tests.audit.seen import evidence
from tests.audit.seen_actively import Honest, judged_actively

ACTIVE = [rule for rule in CATALOGUE if Kind.ACTIVE in rule.checks]
OF_A_CLIENT = {"AS-CLI-03", "AS-CLI-04"}
"""These are about registration, and do not apply where there is none."""


def test_there_are_as_many_as_are_told() -> None:
    assert len(ACTIVE) >= 48


@pytest.mark.parametrize("rule", ACTIVE, ids=lambda rule: rule.id)
def test_without_a_client_nothing_passes(rule: Rule) -> None:
    seen = ActiveEvidence(evidence(), unseen={"all": "the server registers no clients by itself"})

    assert judged_actively(rule, seen).verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE)
    assert judged_actively(rule, seen).not_checked


@pytest.mark.parametrize("rule", ACTIVE, ids=lambda rule: rule.id)
def test_where_nothing_answers_nothing_passes_but_what_was_registered(rule: Rule, honest: Honest) -> None:
    seen, _ = honest
    lost = replace(
        seen,
        seen=dict.fromkeys(seen.seen, unanswered()),
        visits={
            name: replace(each, arrived=None, failure="nobody came") for name, each in seen.visits.items()
        },
    )

    assert judged_actively(rule, lost).verdict is not Verdict.PASS or rule.id == "AS-CLI-04"


@pytest.mark.parametrize("rule", ACTIVE, ids=lambda rule: rule.id)
def test_a_server_that_refuses_everything_proves_nothing(rule: Rule, honest: Honest) -> None:
    seen, _ = honest
    refused = replace(
        seen,
        seen={
            name: answered(400, {"error": "invalid_request"}, url=each.url)
            for name, each in seen.seen.items()
        },
        visits={
            name: replace(each, arrived=None, failure="nobody came") for name, each in seen.visits.items()
        },
    )

    passes = judged_actively(rule, refused).verdict is Verdict.PASS
    assert not passes or rule.id in {"AS-AUTHZ-13", "AS-GRANT-01", "AS-TOK-07", *OF_A_CLIENT}


@pytest.mark.parametrize("rule", ACTIVE, ids=lambda rule: rule.id)
def test_an_open_server_is_nothing_for_them(rule: Rule) -> None:
    why = "NOT_APPLICABLE: the server asks nobody for a login"
    seen = ActiveEvidence(
        evidence(greetings={"initialize": answered(200, {"result": {}})}, resource=(), issuers=()),
        unseen={"all": why, "document": why},
    )

    assert judged_actively(rule, seen).verdict is Verdict.NOT_APPLICABLE
