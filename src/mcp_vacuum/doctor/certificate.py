"""What a server's certificate says of itself, trusted or not."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a person needs to see of it.

    Attributes:
        issuer: Who signed it.
        names: Whom it is for.
        not_before, not_after: Unix seconds.
    """

    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float


def read_certificate(der: bytes | None) -> Certificate | None:
    """Read an X.509 certificate; None where there is none that can be read."""
    if der is None:
        return None
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            _who(found.issuer),
            _names(found),
            found.not_valid_before_utc.timestamp(),
            found.not_valid_after_utc.timestamp(),
        )
    except ValueError:
        return None


def _who(name: x509.Name) -> str:
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string() or "nobody named"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)
    return (*found.get_values_for_type(x509.DNSName), *map(str, addresses))
