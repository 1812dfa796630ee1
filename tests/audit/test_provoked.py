"""A refusal counts only if the client was provoked."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import Answer, ClientEvidence
from mcp_vacuum.audit.provoked import (
    answered,
    asked,
    must_do,
    must_refuse,
    read_resource_metadata,
    read_server_metadata,
    redeemed,
    used,
)
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity
from tests.audit.client_runs import CALLBACK, WORKED, opened, redemption, run


def refused(*runs: object) -> list[Finding | NotChecked]:
    evidence = ClientEvidence((), runs)  # type: ignore[arg-type]
    return list(
        must_refuse(
            evidence,
            "LAB-11",
            met=read_server_metadata,
            crossed=asked,
            why="it goes on",
            severity={"mild": Severity.LOW},
        )
    )


def test_a_client_that_goes_on_is_found_whether_or_not_the_control_worked() -> None:
    crossing = run("LAB-11/x", opened=(opened(),))

    assert [type(each) for each in refused(WORKED, crossing)] == [Finding]
    assert [type(each) for each in refused(crossing)] == [Finding]


def test_a_refusal_passes_with_its_control_only() -> None:
    assert refused(WORKED, run("LAB-11/x")) == []
    assert "INCONCLUSIVE: LAB-00" in refused(run("LAB-11/x"))[0].because  # type: ignore[union-attr]


def test_a_client_that_never_met_the_misbehaviour_proves_nothing() -> None:
    early = run("LAB-11/x").__class__("LAB-11/x", "", WORKED.places)

    assert "did not come as far" in refused(WORKED, early)[0].because  # type: ignore[union-attr]


def test_a_scenario_that_was_not_run_is_said() -> None:
    assert refused(WORKED) == [NotChecked("INCONCLUSIVE: not run: LAB-11")]


def test_a_variant_has_a_severity_of_its_own() -> None:
    (found,) = refused(WORKED, run("LAB-11/mild", opened=(opened(),)))

    assert isinstance(found, Finding)
    assert (found.severity, found.where) == (Severity.LOW, "scenario LAB-11/mild")


def test_what_a_client_has_to_do() -> None:
    def done(*runs: object) -> list[Finding | NotChecked]:
        evidence = ClientEvidence((), runs)  # type: ignore[arg-type]
        return list(must_do(evidence, "LAB-01", met=read_resource_metadata, done=asked, why="it stops"))

    assert done(WORKED, run("LAB-01", opened=(opened(),))) == []
    assert [type(each) for each in done(WORKED, run("LAB-01"))] == [Finding]
    assert [type(each) for each in done(run("LAB-01"))] == [NotChecked]
    assert [type(each) for each in done(WORKED)] == [NotChecked]


def test_the_looks() -> None:
    seen = run("LAB-13/x", redemption(), opened=(opened(),), answers=(Answer("", "GET", CALLBACK, 200),))

    assert redeemed(seen) == (redemption(),)
    assert len(used(seen)) == 2
    assert answered(seen) == asked(seen)
    assert answered(run("LAB-13/x", opened=(opened(),))) == ()
