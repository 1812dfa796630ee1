"""How a client finds the authorization server: challenges, metadata, issuers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.client import CUSTOM_METADATA, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Rule, Severity, Verdict
from mcp_vacuum.audit.rules import client_discovery as rules
from mcp_vacuum.audit.rules.client_discovery import RULES
from tests.audit.client_runs import AS, DISCOVERY, HERE, MCP, WORKED, call, exchange, judged, opened, run


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-DISC-01",
        "CL-DISC-02",
        "CL-DISC-03",
        "CL-DISC-04",
        "CL-DISC-05",
        "CL-DISC-06",
        "CL-DISC-07",
        "CL-DISC-08",
        "CL-DISC-09",
    ]


# --- a client that was run ----------------------------------------------------------------------------------

CUSTOM = exchange("GET", f"{MCP}{CUSTOM_METADATA}")
WELL_KNOWN = f"{MCP}/.well-known/oauth-protected-resource"
ASKED = (opened(),)


def bare(scenario: str, *exchanges: Exchange, opened: tuple[str, ...] = ()) -> Run:
    """A run with these requests only, numbered."""
    numbered = tuple(replace(each, number=place) for place, each in enumerate(exchanges, 1))
    return replace(run(scenario, opened=opened), exchanges=numbered)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (rules.challenges_are_parsed, [run("LAB-01/case", CUSTOM)], [run("LAB-01/case")]),
        (
            rules.foreign_resource_is_rejected,
            [bare("LAB-03/other-origin", *DISCOVERY[:2])],
            [run("LAB-03/other-origin", opened=ASKED)],
        ),
        (
            rules.server_is_never_guessed,
            [run("LAB-04")],
            [run("LAB-04", exchange("POST", f"{MCP}/register", 400))],
        ),
        (
            rules.server_metadata_in_order,
            [run("LAB-05/openid", opened=ASKED)],
            [run("LAB-05/openid")],
        ),
        (
            rules.foreign_issuer_is_rejected,
            [run("LAB-06/other-host")],
            [run("LAB-06/other-host", opened=ASKED)],
        ),
    ],
)
def test_a_client_that_does_right_and_one_that_does_not(rule: Rule, good: list[Run], bad: list[Run]) -> None:
    assert judged(rule, WORKED, *good).verdict is Verdict.PASS
    assert judged(rule, WORKED, *bad).verdict is Verdict.FAIL
    assert judged(rule, WORKED).verdict is Verdict.INCONCLUSIVE


def test_the_order_of_the_places() -> None:
    unauthorized = exchange("POST", f"{MCP}/mcp", 401)
    path, root = exchange("GET", f"{WELL_KNOWN}/mcp"), exchange("GET", WELL_KNOWN)

    def verdict(challenge: tuple[Exchange, ...], at_root: tuple[Exchange, ...]) -> Verdict:
        runs = [
            bare("LAB-02/challenge", unauthorized, *challenge),
            bare("LAB-02/path", unauthorized, path),
            bare("LAB-02/root", unauthorized, *at_root),
        ]
        return judged(rules.resource_metadata_in_order, WORKED, *runs).verdict

    assert verdict((CUSTOM, path), (path, root)) is Verdict.PASS
    assert verdict((path, CUSTOM), (path, root)) is Verdict.FAIL
    assert verdict((CUSTOM,), (root,)) is Verdict.FAIL


def test_milder_cases_are_milder() -> None:
    read = judged(rules.foreign_resource_is_rejected, WORKED, run("LAB-03/other-origin"))
    slash = judged(rules.foreign_issuer_is_rejected, WORKED, run("LAB-06/slash", opened=ASKED))
    origin = judged(rules.resource_is_the_url, WORKED, run("LAB-03/origin", opened=ASKED))
    sibling = judged(rules.resource_is_the_url, WORKED, run("LAB-03/sibling", opened=ASKED))
    decoy = exchange("GET", f"{MCP}/.well-known/oauth-authorization-server")
    trap = judged(rules.server_is_never_guessed, WORKED, run("LAB-04", decoy))

    assert [each.severity for each in read.findings] == [Severity.MEDIUM]
    assert [each.severity for each in slash.findings] == [Severity.LOW]
    assert origin.verdict is Verdict.WARN
    assert [each.severity for each in sibling.findings] == [Severity.MEDIUM]
    assert [each.severity for each in trap.findings] == [Severity.LOW]


def test_metadata_of_the_root_is_another_issuers() -> None:
    here = replace(HERE, issuer=f"{AS}/tenant")
    seen = replace(run("LAB-05/third", opened=ASKED), places=(here,))

    assert "without the issuer's path" in judged(rules.server_metadata_in_order, WORKED, seen).findings[0].why


@pytest.mark.parametrize(
    "broken",
    [
        run("LAB-07/big", opened=ASKED),
        replace(run("LAB-07/drip"), ended="quiet", ended_at=20.0),
        replace(run("LAB-07/nested"), exit_code=-11),
        run("LAB-07/nested", output="RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_a_client_without_measure(broken: Run) -> None:
    names = ("big", "bomb", "array", "html", "drip", "nested")
    good = [run(f"LAB-07/{name}") for name in names if name != broken.variant]

    assert judged(rules.metadata_is_bounded, WORKED, *good, broken).findings != ()
    assert judged(rules.metadata_is_bounded, WORKED, *good, run(broken.scenario)).verdict is Verdict.PASS


def test_a_credential_on_the_way_to_metadata_is_found() -> None:
    sent = exchange(
        "GET", f"{AS}/.well-known/oauth-authorization-server", authorization="Bearer token-of-the-laboratory"
    )
    again = bare("LAB-31", call(), DISCOVERY[2])

    assert judged(rules.no_credentials_on_discovery, run("LAB-31", sent)).verdict is Verdict.FAIL
    assert judged(rules.no_credentials_on_discovery, again).verdict is Verdict.PASS
    assert judged(rules.no_credentials_on_discovery, WORKED).verdict is Verdict.INCONCLUSIVE


def test_a_client_that_was_cut_short_is_not_judged_by_its_patience() -> None:
    names = ("big", "bomb", "array", "html", "nested")
    cut = replace(run("LAB-07/drip"), ended="timeout", ended_at=2.0)
    runs = [run(f"LAB-07/{name}") for name in names]

    assert judged(rules.metadata_is_bounded, WORKED, *runs, cut).verdict is Verdict.INCONCLUSIVE
