"""Every planted flaw is found by its rule, and by no other that must not."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.front import Tls
from tests.audit.planted import Planted, planted, try_out
from tests.audit.planted.passive import encrypted
from tests.audit.planted.server import audited
from tests.audit.proof import summary


@pytest.mark.parametrize(
    "flaw",
    [pytest.param(flaw, id=str(flaw), marks=pytest.mark.long if flaw.long else ()) for flaw in planted()],
)
def test_the_flaw_is_found_and_nothing_else(flaw: Planted) -> None:
    outcome = try_out(flaw)

    assert outcome.missed == set(), [each.as_json() for each in outcome.report.findings]
    assert outcome.false_alarms == set(), [each.as_json() for each in outcome.report.findings]


def test_an_honest_server_has_no_findings_at_all() -> None:
    assert [each.as_json() for each in audited().findings] == []


@pytest.mark.parametrize("which", ["authorization", "mcp"])
def test_an_honest_server_behind_tls_has_no_findings_either(which: str) -> None:
    report = encrypted(which, Tls())

    assert [each.as_json() for each in report.findings] == []
    assert ({"AS-TLS-01", "AS-TLS-02", "AS-TLS-03"} if which == "authorization" else {"RS-TLS-01"}) <= set(
        report.passed
    )


def test_every_flaw_belongs_to_a_rule_that_is_checked() -> None:
    checked = {rule.id for rule in CATALOGUE if rule.implemented}

    assert {flaw.rule for flaw in planted()} <= checked


def test_the_proof_counts_what_was_missed() -> None:
    missed = try_out(Planted("AS-PKCE-01", "nothing is wrong here", audited))

    assert missed.missed == {"AS-PKCE-01"}
    assert "recall 0.0 %" in summary([missed])
