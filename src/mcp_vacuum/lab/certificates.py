"""A certificate authority for one run, and certificates of it that are good, or wrong in one way."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Flaw = Literal["", "unknown", "expired", "other-name"]
"""Signed by nobody that is trusted; over since yesterday; of another host."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates, and is trusted by whoever reads `bundle`.

    Args:
        folder: Where keys and certificates are written.
    """

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """Make one, and write its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = cls(folder, key, _authority(key))
        authority.bundle.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        return authority

    @property
    def bundle(self) -> Path:
        """A PEM file with its certificate."""
        return self.folder / "authority.pem"

    def context(self, flaw: Flaw = "", host: str = "localhost") -> ssl.SSLContext:
        """Return a server's side with a certificate for `host` and 127.0.0.1, good but for `flaw`."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = ec.generate_private_key(ec.SECP256R1()) if flaw == "unknown" else self.key
        file = self.folder / f"server-{host}-{flaw or 'good'}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.touch(mode=0o600)
        file.write_bytes(private + self._leaf(key, signer, flaw, host).public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _leaf(
        self, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, flaw: Flaw, host: str
    ) -> x509.Certificate:
        name = "other.example" if flaw == "other-name" else host
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if flaw != "other-name":
            names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
        end = -_DAY if flaw == "expired" else _DAY
        issuer = _name("nobody") if flaw == "unknown" else self.certificate.subject
        return (
            _begun(name, issuer, key, end)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .sign(signer, SHA256())
        )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _begun("the laboratory", _name("the laboratory"), key, _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _begun(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, end: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * _DAY)
        .not_valid_after(now + end)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
