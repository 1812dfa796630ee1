"""What handshakes show."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.connection import BROKEN_SUITES, DATED_SUITES, Certificate, Connection
from mcp_vacuum.audit.rule import Severity

DAY = 86400.0
GOOD = Certificate(90 * DAY, "RSA", 2048, "sha256")


def test_a_sound_connection_has_no_flaws() -> None:
    connection = Connection("https://as.example", 0.0, version="TLSv1.3", certificate=GOOD)

    assert connection.spoke
    assert [*connection.protocol_flaws(), *connection.certificate_flaws()] == []


def test_what_should_have_been_refused() -> None:
    offers = ("TLS 1.0", BROKEN_SUITES, DATED_SUITES)
    connection = Connection("https://as.example", 0.0, version="TLSv1.2", accepted=offers)

    assert [severity for severity, _ in connection.protocol_flaws()] == [
        Severity.HIGH, Severity.HIGH, Severity.LOW, Severity.LOW
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("certificate", "severity"),
    [
        (Certificate(7 * DAY, "EC", 256, "sha256"), Severity.LOW),
        (Certificate(90 * DAY, "RSA", 1024, "sha256"), Severity.HIGH),
        (Certificate(90 * DAY, "EC", 256, "sha1"), Severity.HIGH),
    ],
)
def test_a_certificate_that_is_trusted_and_still_flawed(certificate: Certificate, severity: Severity) -> None:
    connection = Connection("https://as.example", 0.0, certificate=certificate)

    assert [found for found, _ in connection.certificate_flaws()] == [severity]


def test_a_certificate_that_is_refused() -> None:
    connection = Connection("https://as.example", 0.0, untrusted="certificate has expired")

    assert list(connection.certificate_flaws()) == [
        (None, "its certificate is refused: certificate has expired")
    ]
