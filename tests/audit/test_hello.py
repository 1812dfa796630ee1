"""The first message of a TLS client, read by a real TLS server."""

from __future__ import annotations

import ssl

import pytest

from mcp_vacuum.audit.hello import ANY, VERSIONS, answer_to, client_hello

RANDOM = bytes(range(32))


@pytest.mark.parametrize("version", VERSIONS)
def test_its_lengths_add_up(version: str) -> None:
    record = client_hello(version, ANY, "mcp.example", RANDOM)

    assert int.from_bytes(record[3:5]) == len(record) - 5
    assert int.from_bytes(record[6:9]) == len(record) - 9
    assert record[9:11] == VERSIONS[version]
    assert RANDOM in record


def test_an_address_is_no_server_name() -> None:
    assert b"mcp.example" in client_hello("TLS 1.2", ANY, "mcp.example", RANDOM)
    assert b"127.0.0.1" not in client_hello("TLS 1.2", ANY, "127.0.0.1", RANDOM)
    assert b"mcp.example" not in client_hello("SSL 3.0", ANY, "mcp.example", RANDOM)


def test_a_server_without_a_common_suite_answers_it_with_an_alert() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello("TLS 1.2", ANY, "mcp.example", RANDOM))
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):  # it has no certificate: read, and refused
        server.do_handshake()

    assert answer_to("TLS 1.2", outgoing.read()) == "refused"


def test_what_an_answer_means() -> None:
    agreed = b"\x16\x03\x01\x00\x40\x02\x00\x00\x3c\x03\x01"

    assert answer_to("TLS 1.0", agreed) == "agreed"
    assert answer_to("TLS 1.1", agreed) == "refused"
    assert answer_to("TLS 1.0", b"") == "refused"
    assert answer_to("TLS 1.0", b"\x15\x03\x01\x00\x02\x02\x46") == "refused"
    assert answer_to("TLS 1.0", b"HTTP/1.1 40") == "refused"
    assert answer_to("TLS 1.0", b"\x16\x03") == "unclear"
