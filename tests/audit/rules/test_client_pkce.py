"""PKCE rules."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.rules.client_pkce import RULES
from tests.audit.conftest import altered, audit, client, found


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"code_challenge": "B" * 43},
    ],
)
def test_a_request_without_a_proper_s256_challenge_is_critical(changes: dict[str, str | None]) -> None:
    report = audit(altered(**changes))

    assert "CL-PKCE-01" in found(report)
    assert report.findings[0].severity.word == "critical"


def test_a_challenge_that_repeats_is_found() -> None:
    assert "CL-PKCE-04" in found(audit(altered(code_challenge="C" * 43)))


def test_a_good_client_passes() -> None:
    assert {"CL-PKCE-01", "CL-PKCE-04"} <= set(audit(client()).passed)


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-PKCE-01",
        "CL-PKCE-02",
        "CL-PKCE-03",
        "CL-PKCE-04",
        "CL-PKCE-05",
    ]
