"""What a client asks a token for: resource (RFC 8707) and scope."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules import client_resource as rules
from mcp_vacuum.audit.rules.client_resource import RULES
from tests.audit.client_runs import AS, MCP, WORKED, exchange, judged, opened, redemption, run


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-RES-01",
        "CL-RES-02",
        "CL-RES-03",
        "CL-SCOPE-01",
        "CL-SCOPE-02",
        "CL-SCOPE-05",
    ]


# --- a client that was run ----------------------------------------------------------------------------------

HERE = f"{MCP}/mcp"


def refresh(**more: str) -> Exchange:
    form = {"grant_type": "refresh_token", "refresh_token": "rt-1", **more}
    return exchange("POST", f"{AS}/token", form=form)


def test_every_request_names_the_resource() -> None:
    def verdict(asked: str, redeemed: Exchange, refreshed: Exchange) -> Verdict:
        return judged(
            rules.resource_is_always_sent, run("LAB-31", redeemed, refreshed, opened=(asked,))
        ).verdict

    code, again = redemption(resource=HERE), refresh(resource=HERE)

    assert verdict(opened(), code, again) is Verdict.PASS
    assert verdict(opened(resource=None), code, again) is Verdict.FAIL
    assert verdict(opened(), redemption(), again) is Verdict.FAIL
    assert verdict(opened(), code, refresh()) is Verdict.FAIL
    assert judged(rules.resource_is_always_sent, run()).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("wrong", [f"{HERE}/", MCP, f"{HERE}#x", "mcp", HERE.upper()])
def test_another_spelling_of_the_resource_is_found(wrong: str) -> None:
    assert judged(rules.resource_is_canonical, run(opened=(opened(resource=wrong),))).verdict is Verdict.FAIL


def test_the_servers_url_is_canonical() -> None:
    assert judged(rules.resource_is_canonical, WORKED).verdict is Verdict.PASS
    assert judged(rules.resource_is_canonical, run()).verdict is Verdict.INCONCLUSIVE


def test_a_resource_that_the_server_chose_or_that_changes_is_found() -> None:
    name = "LAB-03/other-origin"
    moved = run(name, opened=(opened(resource="https://other.example/mcp"),))
    changed = run("LAB-00", redemption(resource=f"{HERE}/x"), opened=(opened(),))

    assert judged(rules.resource_is_the_server_in_use, WORKED, run(name)).verdict is Verdict.PASS
    assert judged(rules.resource_is_the_server_in_use, WORKED, moved).verdict is Verdict.FAIL
    assert judged(rules.resource_is_the_server_in_use, WORKED, run(name), changed).verdict is Verdict.FAIL


def scopes(challenge: str | None, listed: str | None, none: str | None) -> Verdict:
    runs = [
        run(f"LAB-30/{name}", opened=(opened(scope=scope),))
        for name, scope in (("challenge", challenge), ("listed", listed), ("none", none))
    ]
    return judged(rules.scopes_are_the_challenges, WORKED, *runs).verdict


def test_the_order_of_scopes() -> None:
    listed = "mcp:tools mcp:resources mcp:prompts"

    assert scopes("mcp:tools mcp:admin", listed, None) is Verdict.PASS
    assert scopes("mcp:admin mcp:tools offline_access", listed, None) is Verdict.PASS
    assert scopes("mcp:tools", listed, None) is Verdict.FAIL
    assert scopes("mcp:tools mcp:admin", "mcp:tools", None) is Verdict.FAIL
    assert scopes("mcp:tools mcp:admin", listed, "openid") is Verdict.FAIL


def test_offline_access_that_nobody_lists() -> None:
    asked = run("LAB-30/no-offline", opened=(opened(scope="a offline_access"),))
    good = run("LAB-30/no-offline", opened=(opened(scope="a"),))

    assert judged(rules.offline_access_is_listed, WORKED, asked).verdict is Verdict.WARN
    assert judged(rules.offline_access_is_listed, WORKED, good).verdict is Verdict.PASS
