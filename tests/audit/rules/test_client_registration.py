"""How a client is known to a server, and how it proves to be that client."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.client import Run
from mcp_vacuum.audit.evidence.flow import collect
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Kind, Verdict
from mcp_vacuum.audit.rules import client_registration as rules
from mcp_vacuum.audit.rules.client_registration import RULES
from tests.audit.client_runs import AS, CALLBACK, exchange, judged, opened, run


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-REG-02",
        "CL-REG-05",
        "CL-REG-09",
        "CL-AUTH-01",
    ]


# --- a client that was run ----------------------------------------------------------------------------------


def registration(method: str = "none", **document: object) -> Exchange:
    sent = json.dumps(document).encode()
    each = exchange("POST", f"{AS}/register", 201, body=sent)
    assert each.response
    answer = json.dumps({"client_id": "c", "token_endpoint_auth_method": method}).encode()
    return replace(each, response=replace(each.response, body=answer))


@pytest.mark.parametrize(
    ("uris", "given", "verdict"),
    [
        ([CALLBACK], "native", Verdict.PASS),
        ([CALLBACK], None, Verdict.FAIL),
        ([CALLBACK], "web", Verdict.FAIL),
        (["https://app.example/cb"], "web", Verdict.PASS),
        (["https://app.example/cb"], "native", Verdict.FAIL),
    ],
)
def test_the_application_type_fits(uris: list[str], given: str | None, verdict: Verdict) -> None:
    document: dict[str, Any] = {"redirect_uris": uris, **({"application_type": given} if given else {})}

    assert judged(rules.application_type_fits, run("LAB-00", registration(**document))).verdict is verdict


def test_a_client_that_registers_nowhere_is_not_judged() -> None:
    assert judged(rules.application_type_fits, run()).verdict is Verdict.INCONCLUSIVE


BASIC = "Basic YzpzZWNyZXQ="


def authenticated(scenario: str, method: str, url: str = f"{AS}/token", **sent: str) -> Run:
    form = {"grant_type": "authorization_code", "code": "c", **sent}
    basic = form.pop("basic", "")
    token = exchange("POST", url, form=form, **({"authorization": basic} if basic else {}))  # type: ignore[arg-type]
    return run(scenario, registration(method), token)


GOOD = (
    authenticated("LAB-32/basic", "client_secret_basic", basic=BASIC),
    authenticated("LAB-32/post", "client_secret_post", client_id="c", client_secret="secret"),
)


@pytest.mark.parametrize(
    "bad",
    [
        authenticated("LAB-32/basic", "client_secret_basic", basic=BASIC, client_secret="secret"),
        authenticated("LAB-32/basic", "client_secret_post", basic=BASIC),
        authenticated("LAB-32/basic", "none", f"{AS}/token?client_secret=secret", client_id="c"),
        authenticated("LAB-00", "none", client_id="c", client_secret="secret"),
    ],
)
def test_another_way_of_authentication_is_found(bad: Run) -> None:
    assert judged(rules.one_way_of_authentication, bad, *GOOD).verdict is Verdict.FAIL


def test_the_registered_way_passes_if_both_were_seen() -> None:
    assert judged(rules.one_way_of_authentication, *GOOD).verdict is Verdict.PASS
    assert judged(rules.one_way_of_authentication, GOOD[0]).verdict is Verdict.INCONCLUSIVE
    assert judged(rules.one_way_of_authentication, run()).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://client.example/mcp.json", Verdict.PASS),
        ("https://client.example/mcp.json?v=1", Verdict.WARN),
        ("https://client.example", Verdict.FAIL),
        ("https://client.example/a/../b", Verdict.FAIL),
        ("https://client.example/a#b", Verdict.FAIL),
        ("https://user@client.example/a", Verdict.FAIL),
        ("http://client.example/a", Verdict.FAIL),
        ("client-1", Verdict.NOT_APPLICABLE),
    ],
)
def test_the_url_that_a_client_is_known_by(url: str, verdict: Verdict) -> None:
    rule = rules.metadata_url_of_a_client
    configured = collect(SimpleNamespace(client_id=url))

    assert judge([rule], {Kind.FLOW: configured}, (Kind.FLOW,))[0].verdict is verdict
    assert judged(rule, run(opened=(opened(client_id=url),))).verdict is verdict
