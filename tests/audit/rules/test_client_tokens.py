"""What a client does with codes, access tokens, refresh tokens and ID tokens."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules import client_tokens as rules
from mcp_vacuum.audit.rules.client_tokens import RULES
from tests.audit.client_runs import AS, MCP, VERIFIER, WORKED, call, exchange, judged, opened, redemption, run
from tests.audit.conftest import altered, audit, client, found


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-TOK-01",
        "CL-TOK-04",
        "CL-TOK-07",
        "CL-TOK-09",
    ]


# --- a client that was run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "misplaced",
    [
        exchange("POST", f"{MCP}/mcp?access_token=token-of-the-laboratory"),
        exchange("POST", f"{MCP}/mcp", cookie="session=token-of-the-laboratory"),
        exchange("POST", f"{MCP}/other", form={"access_token": "token-of-the-laboratory"}),
    ],
)
def test_a_token_outside_the_header_is_found(misplaced: Exchange) -> None:
    assert judged(rules.token_is_in_the_header, run("LAB-00", call(), misplaced)).verdict is Verdict.FAIL


def test_a_token_that_is_revoked_by_a_form_is_not() -> None:
    revoked = exchange("POST", f"{AS}/revoke", form={"token": "token-of-the-laboratory"})

    assert judged(rules.token_is_in_the_header, run("LAB-00", call(), revoked)).verdict is Verdict.PASS


def test_a_request_without_the_token_after_the_login_is_found() -> None:
    login = replace(redemption(), number=1)
    bare = replace(exchange("POST", f"{MCP}/mcp", 401), number=2)

    assert judged(rules.token_is_in_the_header, run("LAB-00", login, call(), bare)).verdict is Verdict.FAIL
    assert judged(rules.token_is_in_the_header, run()).verdict is Verdict.INCONCLUSIVE


def loud(output: str = "") -> Run:
    return replace(WORKED, scenario="LAB-26", stdout=output)


@pytest.mark.parametrize(
    "output",
    [
        "code=code-of-the-laboratory",
        "token-of-the-laboratory",
        VERIFIER,
        base64.b64encode(f"x {VERIFIER} y".encode()).decode(),
    ],
)
def test_a_secret_that_is_printed_is_found(output: str) -> None:
    judgement = judged(rules.nothing_secret_is_printed, WORKED, loud(output))

    assert judgement.verdict is Verdict.FAIL
    whys = "".join(each.why for each in judgement.findings)
    assert "laboratory" not in whys
    assert VERIFIER not in whys


def test_silence_passes_where_every_switch_was_on() -> None:
    assert judged(rules.nothing_secret_is_printed, WORKED, loud("done")).verdict is Verdict.PASS
    assert judged(rules.nothing_secret_is_printed, WORKED).verdict is Verdict.INCONCLUSIVE
    assert judged(rules.nothing_secret_is_printed, loud()).verdict is Verdict.INCONCLUSIVE


def certified(name: str, *exchanges: Exchange, notes: tuple[str, ...] = ("connected",)) -> Run:
    return replace(run(f"LAB-21/{name}", *exchanges, notes=notes), exchanges=exchanges)


WRONG = ("unknown", "expired", "other-name", "server-unknown", "server-other-name")


def test_a_connection_that_is_not_trusted_carries_nothing() -> None:
    good = replace(WORKED, scenario="LAB-21/good")
    refused = [certified(name) for name in WRONG]
    sent = certified("unknown", exchange("POST", f"{MCP}/mcp", 401))
    registered = certified("server-unknown", exchange("POST", f"{AS}/register", 201))
    browsed = certified("server-unknown", exchange("GET", f"{AS}/authorize"))

    def verdict(*runs: Run) -> Verdict:
        return judged(rules.certificates_are_validated, *runs).verdict

    assert verdict(good, *refused) is Verdict.PASS
    assert verdict(good, *refused, browsed) is Verdict.PASS
    assert verdict(good, *refused, sent) is Verdict.FAIL
    assert verdict(good, *refused, registered) is Verdict.FAIL
    assert verdict(*refused) is Verdict.INCONCLUSIVE
    assert verdict(good, certified("unknown", notes=())) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("changes", [{"response_type": "token"}, {"response_mode": "fragment"}])
def test_another_flow_than_the_code_flow(changes: dict[str, str | None]) -> None:
    assert "CL-TOK-09" in found(audit(altered(**changes)))
    assert judged(rules.code_flow_of_a_client, run(opened=(opened(**changes),))).verdict is Verdict.FAIL


def test_the_code_flow_alone() -> None:
    password = exchange("POST", f"{AS}/token", form={"grant_type": "password", "password": "p"})

    assert "CL-TOK-09" in audit(client()).passed
    assert judged(rules.code_flow_of_a_client, WORKED).verdict is Verdict.PASS
    assert judged(rules.code_flow_of_a_client, run(opened=(opened(),)), run("LAB-12/1", password)).findings
    assert judged(rules.code_flow_of_a_client, run()).verdict is Verdict.INCONCLUSIVE
