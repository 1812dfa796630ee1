"""Requests from a page of elsewhere, and other ways to a local server."""

from __future__ import annotations

import socket
import sys

import anyio
import pytest

from mcp_vacuum.audit.evidence.strangers import look_elsewhere, stranger_tasks
from mcp_vacuum.lab import Lab


def test_the_host_of_another_name_is_tried_on_loopback_only() -> None:
    here = stranger_tasks("http://127.0.0.1:8000/mcp", (), b"")
    there = stranger_tasks("https://mcp.example/mcp", (), b"")

    assert [dict(headers).get("Host") for *_, headers, _ in here] == [None, None, "evil.example"]
    assert [method for _, method, *_ in there] == ["POST", "OPTIONS"]
    assert all(dict(headers)["Origin"] == "https://evil.example" for *_, headers, _ in there)


def test_a_server_on_loopback_alone() -> None:
    with Lab() as lab:
        found = anyio.run(look_elsewhere, lab.mcp_url)

    assert found
    assert "127.0.0.2" in found.tried
    assert found.reached == ()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of this machine on Linux only")
def test_a_server_that_is_reached_at_another_address() -> None:
    with Lab() as lab, socket.socket() as second:
        second.bind(("127.0.0.2", int(lab.mcp_url.rpartition(":")[2].removesuffix("/mcp"))))
        second.listen()
        found = anyio.run(look_elsewhere, lab.mcp_url)

    assert found
    assert found.reached == ("127.0.0.2",)


def test_a_server_elsewhere_is_not_looked_for() -> None:
    assert anyio.run(look_elsewhere, "https://mcp.example/mcp") is None
