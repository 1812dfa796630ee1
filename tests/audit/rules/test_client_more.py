"""Hostile text, old servers and extensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Answer, Run
from mcp_vacuum.audit.marks import HOSTILE_TEXT, SCRIPT_URL
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_more import RULES, foreign_text_is_made_harmless, no_endpoints_are_guessed
from tests.audit.client_runs import AS, CALLBACK, WORKED, exchange, judged, opened, run

CAME = (Answer("the answer", "GET", CALLBACK, 200),)


def told(output: str = "", *more: str) -> tuple[Run, ...]:
    """Return a run in each scenario of hostile text; the client prints this in the last."""
    refusal = exchange("POST", f"{AS}/token", 400)
    assert refusal.response
    hostile = replace(refusal, response=replace(refusal.response, body=HOSTILE_TEXT.encode()))
    names = ("token", "registration", "names", "server")
    first = [run(f"LAB-15/{name}", hostile) for name in names]
    return (*first, run("LAB-15/answer", opened=(opened(), *more), answers=CAME, output=output))


@pytest.mark.parametrize(
    ("output", "severity"),
    [
        (f"failed: {HOSTILE_TEXT}", None),
        ("failed:\r\n" + HOSTILE_TEXT.rpartition("\r\n")[2], Severity.LOW),
    ],
)
def test_what_is_printed_as_it_came_is_found(output: str, severity: Severity | None) -> None:
    (found,) = judged(foreign_text_is_made_harmless, WORKED, *told(output)).findings

    assert found.severity is severity


def test_what_is_quoted_is_harmless() -> None:
    assert judged(foreign_text_is_made_harmless, WORKED, *told(repr(HOSTILE_TEXT))).verdict is Verdict.PASS


def test_a_script_that_is_opened_is_found() -> None:
    (found,) = judged(foreign_text_is_made_harmless, WORKED, *told("", SCRIPT_URL)).findings

    assert "script" in found.why


def test_a_client_that_was_told_nothing_is_not_judged() -> None:
    silent = [run(each.scenario) for each in told()]

    assert judged(foreign_text_is_made_harmless, WORKED, *silent).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("variant", "severity"), [("404", Severity.MEDIUM), ("500", None), ("reset", None)])
def test_endpoints_that_nobody_named_are_found(variant: str, severity: Severity | None) -> None:
    stopped = run(f"LAB-27/{variant}")
    registered = run(f"LAB-27/{variant}", exchange("POST", f"{AS}/register", 201))
    asked = run(f"LAB-27/{variant}", opened=(opened(),))

    assert judged(no_endpoints_are_guessed, WORKED, stopped).verdict is Verdict.PASS
    for guessed in (registered, asked):
        (found,) = judged(no_endpoints_are_guessed, WORKED, guessed).findings
        assert found.severity is severity


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-ERR-01",
        "CL-LEG-01",
        "CL-EXT-01",
        "CL-EXT-02",
        "CL-LOC-01",
        "CL-STDIO-01",
        "CL-ELIC-01",
    ]
