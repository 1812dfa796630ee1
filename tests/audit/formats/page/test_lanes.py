"""Whose lifeline an exchange goes to."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.lanes import lanes_of
from tests.audit.made import answered

TARGET = "https://mcp.example/mcp"


def test_the_client_the_server_and_its_issuer() -> None:
    issuer = answered(url="https://as.example/.well-known/oauth-authorization-server", number=2)
    lanes = lanes_of(TARGET, [answered(), issuer])

    assert [each.role for each in lanes.all] == ["client", "MCP server", "authorization server"]
    assert (lanes.to(answered()), lanes.to(issuer)) == (1, 2)


def test_too_many_servers_are_told_apart_by_their_role() -> None:
    many = [answered(url=f"https://s{n}.example/{('mcp', 'token')[n % 2]}", number=n) for n in range(20)]
    lanes = lanes_of("python client.py", [*many, answered(url="https://other.example/icon.png")])

    assert [(each.role, each.name) for each in lanes.all[1:]] == [
        ("MCP server", "10 of them"),
        ("authorization server", "10 of them"),
        ("another server", "other.example"),
    ]
    assert [lanes.to(each) for each in many[:3]] == [1, 2, 1]


def test_the_server_that_is_audited_keeps_its_own_lifeline() -> None:
    lanes = lanes_of(TARGET, [answered(url=f"https://s{n}.example/mcp") for n in range(9)] + [answered()])

    assert [each.name for each in lanes.all[1:]] == ["mcp.example", "9 of them"]


def test_a_server_that_is_asked_for_metadata_of_both_kinds_is_what_its_calls_say() -> None:
    paths = ("mcp", ".well-known/oauth-authorization-server")
    both = [answered(url=f"https://both.example/{path}") for path in paths]
    issuer = answered(url="https://as.example/.well-known/oauth-authorization-server/mcp")
    lanes = lanes_of("python client.py", [*both, issuer])

    assert [each.role for each in lanes.all[1:]] == ["MCP server", "authorization server"]


def test_a_scheme_is_shown_where_it_tells_something() -> None:
    urls = ("http://127.0.0.1:8000/mcp", "http://plain.example/mcp", "https://safe.example/mcp")
    lanes = lanes_of(urls[0], [answered(url=url, number=n) for n, url in enumerate(urls, 1)])

    assert [each.name for each in lanes.all[1:]] == ["127.0.0.1:8000", "http://plain.example", "safe.example"]
