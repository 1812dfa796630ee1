"""Redirect URI rules."""

from __future__ import annotations

import json

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules import client_redirect as rules
from mcp_vacuum.audit.rules.client_redirect import RULES
from tests.audit.client_runs import AS, CALLBACK, WORKED, exchange, judged, opened, redemption, run
from tests.audit.conftest import altered, audit, client, found


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/callback",
        "https://*.example/callback",
        "https://app.example/callback#here",
        "https://user@app.example/callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.example.app:/callback",
        "http://[broken/callback",
    ],
)
def test_a_redirect_uri_that_others_can_catch_is_found(uri: str) -> None:
    assert "CL-REDIR-01" in found(audit(client(redirect_uri=uri)))


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/callback", "http://localhost:9/cb", "http://[::1]:9/cb", "https://app.example/cb"],
)
def test_loopback_and_https_pass(uri: str) -> None:
    assert "CL-REDIR-01" in audit(client(redirect_uri=uri)).passed


def test_a_request_with_another_redirect_uri_is_found() -> None:
    assert "CL-REDIR-05" in found(audit(altered(redirect_uri="http://127.0.0.1/other")))


def test_our_check_of_the_answer_was_really_tried() -> None:
    assert "CL-REDIR-05" in audit(client()).passed


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-REDIR-01",
        "CL-REDIR-05",
    ]


# --- a client that was run ----------------------------------------------------------------------------------


def registered(uri: str) -> Exchange:
    return exchange("POST", f"{AS}/register", 201, body=json.dumps({"redirect_uris": [uri]}).encode())


@pytest.mark.parametrize(
    ("uri", "severity"),
    [("http://app.example/callback", None), ("com.example.app:/back", Severity.MEDIUM)],
)
def test_a_redirect_uri_of_a_client_that_others_can_have(uri: str, severity: Severity | None) -> None:
    found = judged(rules.redirect_uri_of_a_client, run("LAB-00", registered(uri), opened=(opened(),)))

    assert [each.severity for each in found.findings] == [severity]


def test_good_redirect_uris_of_a_client() -> None:
    assert judged(rules.redirect_uri_of_a_client, WORKED).verdict is Verdict.PASS
    assert judged(rules.redirect_uri_of_a_client, run()).verdict is Verdict.INCONCLUSIVE


def test_the_redirect_uri_is_the_same_in_every_step_but_for_a_loopback_port() -> None:
    def verdict(at_registration: str, at_token: str) -> Verdict:
        sent = redemption(redirect_uri=at_token)
        seen = run("LAB-00", registered(at_registration), sent, opened=(opened(),))
        return judged(rules.redirect_uri_is_the_same, seen).verdict

    assert verdict(CALLBACK, CALLBACK) is Verdict.PASS
    assert verdict("http://127.0.0.1/callback", CALLBACK) is Verdict.PASS
    assert verdict("http://127.0.0.1/other", CALLBACK) is Verdict.FAIL
    assert verdict(CALLBACK, "http://127.0.0.1:3/other") is Verdict.FAIL
    assert judged(rules.redirect_uri_is_the_same, run()).verdict is Verdict.INCONCLUSIVE
