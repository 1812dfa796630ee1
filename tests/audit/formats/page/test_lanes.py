"""Whose lifeline an exchange goes to."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.lanes import MOST, lanes_of
from tests.audit.made import answered

TARGET = "https://mcp.example/mcp"


def test_the_client_the_server_and_its_issuer() -> None:
    issuer = answered(url="https://as.example/.well-known/oauth-authorization-server", number=2)
    lanes = lanes_of(TARGET, [answered(), issuer])

    assert [each.role for each in lanes.all] == ["client", "MCP server", "authorization server"]
    assert (lanes.to(answered()), lanes.to(issuer)) == (1, 2)


def test_too_many_servers_share_the_last_line() -> None:
    many = [answered(url=f"https://s{n}.example/x", number=n) for n in range(20)]
    lanes = lanes_of(TARGET, many)

    assert len(lanes.all) <= MOST + 1
    assert lanes.to(many[-1]) == len(lanes.all) - 1


def test_a_scheme_is_shown_where_it_tells_something() -> None:
    urls = ("http://127.0.0.1:8000/mcp", "http://plain.example/mcp", "https://safe.example/mcp")
    lanes = lanes_of(urls[0], [answered(url=url, number=n) for n, url in enumerate(urls, 1)])

    assert [each.name for each in lanes.all[1:]] == ["127.0.0.1:8000", "http://plain.example", "safe.example"]
