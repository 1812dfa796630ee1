"""Tokens at the MCP server."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active_resource import GARBAGE
from tests.audit.planted.active import JWT
from tests.audit.seen_actively import Honest, seen_of


def test_garbage_is_offered_as_it_is(honest: Honest) -> None:
    seen, requests = honest
    offered = {each.headers.get("authorization", "") for each in requests if each.server == "mcp"}

    assert {"Bearer", "Bearer null", "Bearer ..."} <= offered
    assert all(seen.seen[f"garbage: {what}"].status == 401 for what in GARBAGE)


def test_no_token_really_means_none(honest: Honest) -> None:
    seen, _ = honest
    for name, exchange in seen.seen.items():
        if name.startswith("no token: ") and exchange.request:
            assert "authorization" not in {header.lower() for header, _ in exchange.request.headers}


def test_the_token_stands_in_the_query_and_nowhere_else(honest: Honest) -> None:
    seen, _ = honest
    exchange = seen.seen["in the query"]

    assert f"access_token={seen.token()}" in exchange.url
    assert exchange.request
    assert "authorization" not in dict(exchange.request.headers)


def test_what_does_not_apply_says_so(honest: Honest) -> None:
    seen, _ = honest

    assert [seen.why(name).split(":")[0] for name in ("forged", "unbound", "sessions")] == [
        "NOT_APPLICABLE"
    ] * 3


def test_a_jwt_is_forged_in_many_ways() -> None:
    seen, _ = seen_of(JWT)
    names = [name for name in seen.seen if name.startswith(("forged: ", "resigned: "))]

    assert len(names) == 12
    assert {seen.seen[name].status for name in names} == {401}
