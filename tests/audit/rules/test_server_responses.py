"""What is read, and what is answered."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.server_responses import (
    RULES,
    credentials_are_not_repeated,
    parameters_are_read_with_care,
    responses_say_who_sent_them,
    state_comes_back_unchanged,
)
from tests.audit.made import answered
from tests.audit.seen_actively import Honest, altered, judged_actively

PAGE = answered(200, b"<form><input type=password></form>", media_type="text/html")


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-AUTHZ-03",
        "AS-AUTHZ-04",
        "AS-AUTHZ-05",
        "AS-AUTHZ-06",
        "AS-AUTHZ-08",
    ]


def test_a_pasted_address_does_not_tell_how_the_browser_got_there(honest: Honest) -> None:
    seen, _ = honest
    pasted = replace(seen, visits={name: replace(each, verb="") for name, each in seen.visits.items()})

    assert judged_actively(credentials_are_not_repeated, pasted).verdict is Verdict.INCONCLUSIVE


def test_asking_a_person_after_doubled_parameters_is_not_certain(honest: Honest) -> None:
    (found,) = judged_actively(parameters_are_read_with_care, altered(honest[0], doubled_state=PAGE)).findings

    assert not found.certain


def test_a_missing_iss_in_errors_alone_is_milder(honest: Honest) -> None:
    seen, _ = honest
    error = seen.seen["odd state"]
    without = answered(
        303, url=error.url, headers=(("location", f"{seen.redirect_uri}?error=invalid_scope"),)
    )
    found = judged_actively(responses_say_who_sent_them, altered(seen, odd_state=without)).findings

    assert [each.severity for each in found] == [Severity.MEDIUM]
    assert (
        judged_actively(state_comes_back_unchanged, altered(seen, odd_state=without)).verdict is Verdict.FAIL
    )
