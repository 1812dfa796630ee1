"""Clients at an authorization server: authentication, registration, metadata documents."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.server_clients import (
    RULES,
    clients_have_to_authenticate,
    registrations_are_minimal_and_guarded,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively


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
