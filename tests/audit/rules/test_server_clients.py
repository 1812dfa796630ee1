"""Clients at an authorization server: authentication, registration, metadata documents."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_assertions import DEFECTS
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.server_clients import (
    RULES,
    client_assertions_are_validated,
    clients_have_to_authenticate,
    registrations_are_minimal_and_guarded,
)
from tests.audit.made import answered, unanswered
from tests.audit.planted.active import KEYS
from tests.audit.seen_actively import Honest, altered, judged_actively, seen_of


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-CLI-01",
        "AS-CLI-02",
        "AS-CLI-03",
        "AS-CLI-04",
        "AS-CLI-05",
        "AS-CLI-06",
    ]


def test_another_error_than_invalid_client_is_a_remark(honest: Honest) -> None:
    seen = altered(honest[0], wrong_secret=answered(400, {"error": "invalid_request"}))
    (found,) = judged_actively(clients_have_to_authenticate, seen).findings

    assert found.severity is Severity.LOW


def test_a_client_that_could_not_be_deleted_is_a_remark(honest: Honest) -> None:
    found = judged_actively(registrations_are_minimal_and_guarded, altered(honest[0], deleted=answered(404)))

    assert found.verdict is Verdict.WARN


@pytest.fixture(scope="module")
def asserted() -> ActiveEvidence:
    """What is seen of an honest server that takes assertions."""
    return seen_of(KEYS)[0]


def test_assertions_pass_where_only_the_sound_one_is_taken(asserted: ActiveEvidence) -> None:
    assert judged_actively(client_assertions_are_validated, asserted).verdict is Verdict.PASS


def test_assertions_say_nothing_of_a_server_without_them(honest: Honest) -> None:
    verdict = judged_actively(client_assertions_are_validated, honest[0]).verdict

    assert verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("answer", [unanswered(), answered(503), answered(429), None])
@pytest.mark.parametrize("what", DEFECTS)
def test_an_assertion_that_is_not_refused_is_not_passed(
    asserted: ActiveEvidence, what: str, answer: Exchange | None
) -> None:
    seen = altered(asserted, **{f"assertion: {what}": answer})

    assert judged_actively(client_assertions_are_validated, seen).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("what", DEFECTS)
def test_an_assertion_that_is_taken_is_a_finding(asserted: ActiveEvidence, what: str) -> None:
    seen = altered(asserted, **{f"assertion: {what}": asserted.seen["asserted"]})
    (found,) = judged_actively(client_assertions_are_validated, seen).findings

    assert what in found.why
    assert found.severity is None


def test_without_a_sound_assertion_a_refusal_proves_nothing(asserted: ActiveEvidence) -> None:
    refused = answered(401, {"error": "invalid_client"})
    alone = judged_actively(client_assertions_are_validated, altered(asserted, asserted=refused))
    taken = {f"assertion: {DEFECTS[0]}": asserted.seen["asserted"]}
    beside = judged_actively(client_assertions_are_validated, altered(asserted, asserted=refused, **taken))

    assert alone.not_checked == ("INCONCLUSIVE: a sound assertion brings no token: invalid_client",)
    assert beside.verdict is Verdict.FAIL


def test_the_token_endpoint_as_audience_is_only_told(asserted: ActiveEvidence) -> None:
    seen = altered(asserted, **{"assertion: token endpoint": asserted.seen["asserted"]})
    (found,) = judged_actively(client_assertions_are_validated, seen).findings

    assert found.severity is Severity.INFO
