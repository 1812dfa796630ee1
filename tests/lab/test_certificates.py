"""Certificates that are good, or wrong in one way, as Python's own TLS judges them."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mcp_vacuum.lab.certificates import Authority, Flaw


def said(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str:
    """What a client says of a server; empty if it trusts it."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with suppress(OSError), server.wrap_socket(theirs, server_side=True):
            pass

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        with client.wrap_socket(ours, server_hostname=host):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        serving.join(5)
        theirs.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_good_certificate_is_trusted_under_both_names(tmp_path: Path, host: str) -> None:
    authority = Authority.make(tmp_path)
    client = ssl.create_default_context(cafile=str(authority.bundle))

    assert said(authority.context(), client, host) == ""


@pytest.mark.parametrize(
    ("flaw", "words"),
    [("unknown", "unable to get local issuer"), ("expired", "has expired"), ("other-name", "mismatch")],
)
def test_a_wrong_certificate_is_refused_for_its_flaw(tmp_path: Path, flaw: Flaw, words: str) -> None:
    authority = Authority.make(tmp_path)
    client = ssl.create_default_context(cafile=str(authority.bundle))

    assert words in said(authority.context(flaw), client, "localhost")


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    Authority.make(tmp_path).context()

    assert (tmp_path / "server-localhost-good.pem").stat().st_mode & 0o077 == 0
