"""TLS before a laboratory."""

from __future__ import annotations

import ssl
import threading
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.certificates import Authority
from mcp_vacuum.lab.encrypted import Encrypted


def connection(front: Encrypted, authority: Authority) -> HTTPSConnection:
    context = ssl.create_default_context(cafile=str(authority.bundle))
    return HTTPSConnection("localhost", front.port, timeout=5, context=context)


def test_requests_are_handed_on(lab: Lab, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    with Encrypted(urlsplit(lab.issuer).port or 0, authority.context()) as front:
        client = connection(front, authority)
        for _ in range(2):
            client.request("GET", "/jwks")
            assert client.getresponse().read() == b'{"keys": []}'
        client.close()

    assert front.met == 1
    assert len(lab.recorder.to("/jwks")) == 2


def test_who_does_not_trust_it_is_met_and_sends_nothing(lab: Lab, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    with Encrypted(urlsplit(lab.issuer).port or 0, authority.context("unknown")) as front:
        client = connection(front, authority)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.request("GET", "/jwks")
        client.close()

    assert front.met == 1
    assert lab.recorder.requests == ()


def test_its_end_closes_what_is_open(lab: Lab, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    with Encrypted(urlsplit(lab.issuer).port or 0, authority.context()) as front:
        client = connection(front, authority)
        client.request("GET", "/jwks")
        client.getresponse().read()
    client.close()

    assert not [each for each in threading.enumerate() if each.name == "lab-encrypted"]
