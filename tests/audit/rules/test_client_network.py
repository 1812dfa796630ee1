"""Where a client lets itself be sent: addresses, redirects, and what a browser opens."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.client import CANARY, Run
from mcp_vacuum.audit.evidence.flow import collect
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Kind, Rule, Severity, Verdict
from mcp_vacuum.audit.rules import client_network as rules
from mcp_vacuum.audit.rules.client_network import RULES
from tests.audit.client_runs import AS, HERE, WORKED, exchange, judged, opened, redemption, run


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-SSRF-01",
        "CL-SSRF-02",
        "CL-SSRF-03",
        "CL-SSRF-04",
        "CL-OPEN-01",
        "CL-OPEN-02",
    ]


# --- a client that was run ----------------------------------------------------------------------------------

OTHER = replace(HERE, mcp_url="http://127.0.0.1:8/mcp", issuer="http://127.0.0.1:9")


def opening(name: str, *urls: str, notes: tuple[str, ...] = ()) -> Run:
    return run(f"LAB-10/{name}", opened=urls, notes=notes)


def others(*without: str) -> list[Run]:
    names = (*rules._SCHEMES, *rules._SHELL, "option", "fragment")
    query = opening("query", opened() + "&tenant=1")
    return [query, *(opening(name) for name in names if name not in without)]


@pytest.mark.parametrize(
    ("rule", "bad", "severity"),
    [
        (rules.only_web_pages_are_opened, opening("javascript", "javascript:alert(1)//?client_id=c"), None),
        (rules.only_web_pages_are_opened, opening("http", "http://other.example/?x"), Severity.HIGH),
        (rules.only_web_pages_are_opened, opening("fragment", opened()), Severity.LOW),
        (rules.no_shell_sees_the_url, opening("dollar", opened(), notes=(CANARY,)), None),
        (rules.no_shell_sees_the_url, opening("option", "--new-window=x"), None),
        (rules.no_shell_sees_the_url, opening("backtick", f"{opened()}&x=`id`"), Severity.LOW),
    ],
)
def test_what_is_opened(rule: Rule, bad: Run, severity: Severity | None) -> None:
    assert judged(rule, WORKED, *others()).verdict is Verdict.PASS
    found = judged(rule, WORKED, *others(bad.variant), bad)

    assert [each.severity for each in found.findings] == [severity]
    assert judged(rule, WORKED).verdict is Verdict.INCONCLUSIVE


def test_the_endpoints_own_query_has_to_be_kept() -> None:
    dropped = judged(rules.only_web_pages_are_opened, WORKED, *others()[1:], opening("query", opened()))

    assert dropped.verdict is Verdict.FAIL


def test_where_a_redirect_leads() -> None:
    def verdict(token: Run, hops: Run, origin: Run) -> Verdict:
        return judged(rules.redirects_are_not_trusted, WORKED, token, hops, origin).verdict

    def at(name: str, *exchanges: Exchange) -> Run:
        return replace(run(f"LAB-09/{name}", *exchanges), places=(HERE, OTHER))

    token, origin = at("token", redemption()), at("origin")
    hops = replace(at("hops"), exchanges=(exchange("GET", f"{AS}/.well-known/openid-configuration", 302),))
    there = exchange("POST", f"{OTHER.issuer}/token", form={"grant_type": "authorization_code", "code": "c"})

    assert verdict(token, hops, origin) is Verdict.PASS
    assert verdict(at("token", redemption(), there), hops, origin) is Verdict.FAIL
    assert verdict(token, at("hops"), origin) is Verdict.FAIL
    assert verdict(token, hops, at("origin", there)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("endpoint", "verdict"),
    [
        ("https://as.example/token", Verdict.PASS),
        ("http://127.0.0.1:9/token", Verdict.PASS),
        ("http://as.example/token", Verdict.FAIL),
        ("as.example", Verdict.FAIL),
    ],
)
def test_the_endpoints_of_a_configured_client(endpoint: str, verdict: Verdict) -> None:
    evidence = collect(SimpleNamespace(token_endpoint=endpoint))

    assert judge([rules.https_of_a_client], {Kind.FLOW: evidence}, (Kind.FLOW,))[0].verdict is verdict


def test_a_client_that_shows_no_endpoint_is_not_judged() -> None:
    unseen = judge([rules.https_of_a_client], {Kind.FLOW: collect(object())}, (Kind.FLOW,))
    assert unseen[0].verdict is Verdict.INCONCLUSIVE


def public(name: str, *notes: str, exchanges: tuple[Exchange, ...] = ()) -> Run:
    seen = run(f"LAB-08/{name}", *exchanges, notes=tuple(f"asked for {each}" for each in notes))
    return replace(seen, places=(HERE, OTHER))


GOOD = replace(WORKED, scenario="LAB-08/good")


@pytest.mark.parametrize(
    ("rule", "names", "bad"),
    [
        (
            rules.https_of_a_client,
            rules._PLAIN,
            public("http-token", "http://login.laboratory.example/token"),
        ),
        (rules.private_addresses_are_blocked, rules._INSIDE, public("octal", "https://10.0.0.1:443")),
        (
            rules.private_addresses_are_blocked,
            rules._INSIDE,
            public("loopback", exchanges=(exchange("GET", f"{OTHER.issuer}/x"),)),
        ),
    ],
)
def test_where_a_public_server_points(rule: Rule, names: tuple[str, ...], bad: Run) -> None:
    refused = [public(name) for name in names if name != bad.variant]

    assert judged(rule, WORKED, GOOD, *refused, public(bad.variant)).verdict is Verdict.PASS
    assert judged(rule, WORKED, GOOD, *refused, bad).verdict is Verdict.FAIL
    assert judged(rule, WORKED, *refused).verdict is Verdict.INCONCLUSIVE
    early = replace(public(bad.variant), exchanges=())
    assert judged(rule, WORKED, GOOD, *refused, early).verdict is Verdict.INCONCLUSIVE
