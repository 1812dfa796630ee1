"""PKCE rules."""

from __future__ import annotations

from secrets import token_urlsafe

import pytest

from mcp_vacuum.audit.evidence.client import Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules import client_pkce as rules
from mcp_vacuum.audit.rules.client_pkce import RULES
from tests.audit.client_runs import CHALLENGE, VERIFIER, WORKED, exchange, judged, opened, redemption, run
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


# --- a client that was run ----------------------------------------------------------------------------------


def logins(count: int) -> list[Run]:
    """Logins with verifiers of their own."""
    return [
        run(f"LAB-12/{number}", redemption(code_verifier=token_urlsafe(32)), opened=(opened(),))
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "changes",
    [{"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge": "short"}],
)
def test_a_client_without_s256_is_found(changes: dict[str, str | None]) -> None:
    assert judged(rules.s256_of_a_client, run(opened=(opened(**changes),))).verdict is Verdict.FAIL


def test_a_client_with_s256_passes_and_one_that_never_asks_does_not() -> None:
    assert judged(rules.s256_of_a_client, WORKED).verdict is Verdict.PASS
    assert judged(rules.s256_of_a_client, run()).verdict is Verdict.INCONCLUSIVE


def test_verifiers_need_ten_logins_to_be_believed() -> None:
    assert judged(rules.verifier_of_a_client, *logins(10)).verdict is Verdict.PASS
    assert judged(rules.verifier_of_a_client, *logins(9)).verdict is Verdict.INCONCLUSIVE
    assert judged(rules.verifier_of_a_client, run()).verdict is Verdict.INCONCLUSIVE


def test_a_short_or_repeated_verifier_is_found() -> None:
    short = run("LAB-12/1", redemption(code_verifier="short"))
    same = [run(f"LAB-12/{number}", redemption()) for number in (1, 2)]

    assert judged(rules.verifier_of_a_client, short).verdict is Verdict.FAIL
    assert judged(rules.verifier_of_a_client, *same).verdict is Verdict.FAIL


def test_a_server_without_pkce_must_be_refused() -> None:
    refused = [run(f"LAB-11/{name}") for name in ("absent", "null", "empty")]
    asked = run("LAB-11/absent", opened=(opened(),))

    assert judged(rules.pkce_support_is_checked, WORKED, *refused).verdict is Verdict.PASS
    assert judged(rules.pkce_support_is_checked, WORKED, asked, *refused[1:]).verdict is Verdict.FAIL
    assert judged(rules.pkce_support_is_checked, WORKED, *refused[1:]).verdict is Verdict.INCONCLUSIVE


def test_plain_is_worse_than_asking_with_s256_all_the_same() -> None:
    mild = judged(rules.no_downgrade_to_plain, WORKED, run("LAB-11/plain", opened=(opened(),)))
    plain = run("LAB-11/plain", opened=(opened(code_challenge_method="plain"),))

    assert [each.severity for each in mild.findings] == [Severity.LOW]
    assert judged(rules.no_downgrade_to_plain, WORKED, plain).verdict is Verdict.FAIL
    assert judged(rules.no_downgrade_to_plain, WORKED, run("LAB-11/plain")).verdict is Verdict.PASS


def test_the_verifier_goes_to_the_token_endpoint_only() -> None:
    def verdict(*more: Exchange, **changes: str) -> Verdict:
        return judged(
            rules.verifier_stays_secret,
            run("LAB-00", redemption(**changes), *more, opened=(opened(code_challenge=CHALLENGE),)),
        ).verdict

    assert verdict() is Verdict.PASS
    assert verdict(exchange("GET", f"http://127.0.0.1:9/?v={VERIFIER}")) is Verdict.FAIL
    assert verdict(code_verifier=VERIFIER[::-1]) is Verdict.FAIL
    assert judged(rules.verifier_stays_secret, run()).verdict is Verdict.INCONCLUSIVE
