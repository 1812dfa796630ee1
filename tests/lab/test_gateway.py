"""A proxy that knows a few hosts."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.certificates import Authority
from mcp_vacuum.lab.encrypted import Encrypted
from mcp_vacuum.lab.gateway import Gateway

NAME = "mcp.laboratory.example"


def port_of(gateway: Gateway) -> int:
    return urlsplit(gateway.url).port or 0


def test_a_known_host_is_reached_by_a_tunnel(lab: Lab, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.bundle))
    with (
        Encrypted(urlsplit(lab.issuer).port or 0, authority.context(host=NAME)) as front,
        Gateway({NAME: front.port}) as gateway,
    ):
        client = HTTPSConnection("127.0.0.1", port_of(gateway), timeout=5, context=context)
        client.set_tunnel(NAME, 443)
        client.request("GET", "/jwks")
        assert client.getresponse().read() == b'{"keys": []}'
        client.close()

    assert gateway.refused == ()


def test_any_other_host_is_refused_and_noted() -> None:
    with Gateway({NAME: 1}) as gateway:
        client = HTTPSConnection("127.0.0.1", port_of(gateway), timeout=5)
        client.set_tunnel("10.0.0.1", 443)
        with pytest.raises(OSError, match="502"):
            client.request("GET", "/")
        plain = HTTPConnection("127.0.0.1", port_of(gateway), timeout=5)
        plain.request("GET", f"http://{NAME}/a?b")
        assert plain.getresponse().status == 502
        plain.close()

    assert gateway.refused == ("https://10.0.0.1:443", f"http://{NAME}/a?b")


@pytest.mark.parametrize("nonsense", [b"", b"GET\r\n\r\n", b"\xff\xff \r\n\r\n", b"x" * 70_000])
def test_what_is_no_request_ends_the_connection(nonsense: bytes) -> None:
    with Gateway({}) as gateway, socket.create_connection(("127.0.0.1", port_of(gateway))) as client:
        client.settimeout(5)
        client.sendall(nonsense)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""

    assert gateway.refused == ()


def test_its_end_closes_what_is_open() -> None:
    with Gateway({}) as gateway:
        client = socket.create_connection(("127.0.0.1", port_of(gateway)))
    with client:
        client.settimeout(5)
        assert client.recv(1) == b""

    assert not [each for each in threading.enumerate() if each.name == "lab-gateway"]
