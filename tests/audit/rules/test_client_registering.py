"""Rules about how a client registers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.audit.evidence.client import Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.client_registering import (
    RULES,
    registers_in_order,
    registration_is_minimal_and_checked,
    registration_may_fail,
)
from tests.audit.client_runs import AS, CALLBACK, WORKED, exchange, judged, opened, redemption, run

GOOD = {"grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"}
FAILURES = ("invalid-redirect", "403", "500", "html")
TOLD = "failed: invalid_redirect_uri, 403, 500"


def registration(status: int = 201, *, answered: str = CALLBACK, **sent: object) -> Exchange:
    body = json.dumps({**GOOD, "redirect_uris": [CALLBACK], **sent}).encode()
    made = exchange("POST", f"{AS}/register", status, body=body, content_type="application/json")
    assert made.response
    told = json.dumps({"client_id": "c", "redirect_uris": [answered]}).encode()
    return replace(made, response=replace(made.response, body=told))


def cimd(*exchanges: Exchange, client_id: str = "c") -> Run:
    return run("LAB-18/cimd", *exchanges, opened=(opened(client_id=client_id),))


def test_the_way_that_a_server_offers_is_the_one_to_take() -> None:
    url = "https://app.example/client.json"

    assert judged(registers_in_order, WORKED, cimd(client_id=url)).verdict is Verdict.PASS
    assert len(judged(registers_in_order, WORKED, cimd(registration())).findings) == 1
    unasked = run("LAB-00", opened=(opened(client_id=url),))
    assert len(judged(registers_in_order, unasked, cimd(client_id=url)).findings) == 1
    assert judged(registers_in_order, WORKED, run("LAB-18/cimd")).verdict is Verdict.INCONCLUSIVE


def compared(*more: Run) -> tuple[Run, ...]:
    """Return the runs of a client that notices what came back, and more."""
    return (
        run("LAB-18/redirect", registration(answered="http://127.0.0.1:9/x")),
        run("LAB-18/method", registration()),
        *more,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"grant_types": ["authorization_code", "password"]},
        {"response_types": ["code", "token"]},
    ],
)
def test_a_registration_for_more_than_a_login_is_found(wrong: dict[str, Any]) -> None:
    much = run("LAB-00", registration(**wrong))

    assert judged(registration_is_minimal_and_checked, WORKED, *compared()).verdict is Verdict.PASS
    (found,) = judged(registration_is_minimal_and_checked, WORKED, *compared(much)).findings
    assert found.where == "scenario LAB-00"


def test_a_secret_for_a_public_client_is_mild() -> None:
    secret = run("LAB-00", registration(token_endpoint_auth_method="client_secret_basic"))
    (found,) = judged(registration_is_minimal_and_checked, WORKED, *compared(secret)).findings

    assert found.severity is Severity.LOW


def test_refreshing_without_having_registered_for_it_is_mild() -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "r"}
    refreshed = exchange("POST", f"{AS}/token", form=form)
    only_codes = run("LAB-31", registration(grant_types=["authorization_code"]), refreshed)
    both = run("LAB-31", registration(), refreshed)

    assert judged(registration_is_minimal_and_checked, WORKED, *compared(both)).findings == ()
    (found,) = judged(registration_is_minimal_and_checked, WORKED, *compared(only_codes)).findings
    assert found.severity is Severity.LOW


@pytest.mark.parametrize(
    "ignored",
    [
        run("LAB-18/redirect", registration(answered="http://127.0.0.1:9/x"), opened=(opened(),)),
        run("LAB-18/method", registration(), redemption(), opened=(opened(),)),
    ],
)
def test_an_answer_that_is_not_read_is_found(ignored: Run) -> None:
    (found,) = judged(registration_is_minimal_and_checked, WORKED, *compared(ignored)).findings

    assert found.where == f"scenario {ignored.scenario}"


def failed(variant: str, times: int = 1, output: str = TOLD, logins: tuple[str, ...] = ()) -> Run:
    return run(f"LAB-18/{variant}", *[registration(400)] * times, output=output, opened=logins)


@pytest.mark.parametrize("variant", FAILURES)
def test_a_storm_and_going_on_are_found_after_every_failure(variant: str) -> None:
    good = [failed(each) for each in FAILURES]

    assert judged(registration_may_fail, WORKED, *good).verdict is Verdict.PASS
    assert judged(registration_may_fail, WORKED, *good, failed(variant, 4)).verdict is Verdict.FAIL
    onward = failed(variant, logins=(opened(),))
    assert judged(registration_may_fail, WORKED, *good, onward).verdict is Verdict.FAIL


@pytest.mark.parametrize("mute", [failed("403", output="failed"), replace(failed("html"), ended="timeout")])
def test_a_failure_that_nobody_hears_of_is_mild(mute: Run) -> None:
    (found,) = judged(registration_may_fail, WORKED, mute).findings

    assert found.severity is Severity.LOW


def test_a_client_that_never_registers_is_not_judged() -> None:
    silent = [run(f"LAB-18/{each}") for each in FAILURES]

    assert judged(registration_may_fail, WORKED, *silent).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-REG-01", "CL-REG-06", "CL-REG-07"]
