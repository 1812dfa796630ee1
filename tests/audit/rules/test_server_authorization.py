"""The authorization endpoint: redirects, responses, pages."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.endpoints import Endpoints
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_authorization import (
    RULES,
    no_script_reads_the_endpoint,
    pages_cannot_be_framed,
)
from tests.audit.made import answered, unanswered
from tests.audit.seen import evidence, judged


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-AUTHZ-01",
        "AS-AUTHZ-02",
        "AS-AUTHZ-03",
        "AS-AUTHZ-04",
        "AS-AUTHZ-05",
        "AS-AUTHZ-06",
        "AS-AUTHZ-07",
        "AS-AUTHZ-08",
        "AS-AUTHZ-09",
        "AS-AUTHZ-10",
        "AS-AUTHZ-11",
        "AS-AUTHZ-12",
        "AS-AUTHZ-13",
    ]


def test_an_error_page_is_no_login_page() -> None:
    seen = evidence(endpoints=Endpoints(page=answered(400, b"<form>", media_type="text/html")))

    assert judged(pages_cannot_be_framed, seen).verdict is Verdict.INCONCLUSIVE


def test_an_endpoint_that_did_not_answer_is_not_passed() -> None:
    seen = evidence(endpoints=Endpoints(unanswered(), unanswered(), unanswered(), unanswered()))

    assert judged(pages_cannot_be_framed, seen).verdict is Verdict.INCONCLUSIVE
    assert judged(no_script_reads_the_endpoint, seen).verdict is Verdict.INCONCLUSIVE
