"""Every planted flaw is found by its rule, and by no other that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.lab import LabConfig
from tests.audit.front import Tls
from tests.audit.planted import Planted, active, planted, try_out
from tests.audit.planted.active import DPOP, HONEST, JWT, KEYS, PAR, PATIENT, audited_actively
from tests.audit.planted.passive import encrypted
from tests.audit.planted.server import audited
from tests.audit.proof import summary


def test_the_quick_ones_are_there() -> None:
    assert {str(flaw) for flaw in active.PLANTED} >= active.QUICK


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
    checked = {rule.id for rule in (*CATALOGUE, *OF_THE_GUIDE) if rule.implemented}

    assert {flaw.rule for flaw in planted()} <= checked


def test_the_proof_counts_what_was_missed() -> None:
    missed = try_out(Planted("AS-PKCE-01", "nothing is wrong here", audited))

    assert missed.missed == {"AS-PKCE-01"}
    assert "recall 0.0 %" in summary([missed])


def test_an_honest_server_lets_a_code_expire() -> None:
    report = audited_actively(options=PATIENT)

    assert [each.as_json() for each in report.findings] == []
    assert {"AS-CODE-03", *LADDER} <= set(report.passed), dict(report.not_checked)


LADDER = {
    "AS-PKCE-04",
    "AS-PKCE-06",
    "AS-CODE-01",
    "AS-CODE-02",
    "AS-CODE-04",
    "AS-RT-01",
    "AS-RT-02",
    "AS-RT-03",
}
ALSO = {
    "AS-AUTHZ-01",
    "AS-AUTHZ-02",
    "AS-AUTHZ-11",
    "AS-REV-01",
    "AS-CLI-01",
    "RS-TOK-01",
    "RS-TOK-07",
    "RS-TOK-09",
}


@pytest.mark.parametrize(
    ("config", "holds"),
    [
        pytest.param(HONEST, {"AS-TOK-03", "RS-TOK-05"}, id="opaque tokens"),
        pytest.param(JWT, {"AS-TOK-04", "AS-TOK-05", "RS-TOK-02", "RS-TOK-03", "RS-TOK-06"}, id="JWTs"),
        pytest.param(DPOP, {"RS-TOK-11"}, id="bound tokens"),
        pytest.param(KEYS, {"AS-CLI-02"}, id="client assertions"),
        pytest.param(replace(KEYS, grants=()), {"AS-CLI-02"}, id="client assertions, after a login"),
        pytest.param(PAR, {"AS-PAR-01"}, id="pushed requests"),
    ],
)
def test_an_honest_server_with_logins_has_no_findings_at_all(config: LabConfig, holds: set[str]) -> None:
    report = audited_actively(config)

    assert [each.as_json() for each in report.findings] == []
    assert {*LADDER, *ALSO, *holds} <= set(report.passed), dict(report.not_checked)
