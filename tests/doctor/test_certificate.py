"""What a server's certificate says of itself."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from mcp_vacuum.doctor.certificate import read_certificate
from tests.drivers.wire import self_signed


def test_issuer_names_and_dates(tmp_path: Path) -> None:
    pem = self_signed(tmp_path / "c.pem", "as.example", "127.0.0.1").read_text()
    found = read_certificate(ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----BEGIN PRIVATE")]))

    assert found is not None
    assert (found.issuer, found.names) == ("test", ("as.example", "127.0.0.1"))
    assert found.not_before < time.time() < found.not_after


def test_what_is_none() -> None:
    assert read_certificate(None) is None
    assert read_certificate(b"nonsense") is None
