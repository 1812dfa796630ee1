"""How an origin speaks TLS: what the handshakes with it showed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Severity

OLD_VERSIONS = ("SSL 3.0", "TLS 1.0", "TLS 1.1")
BROKEN_SUITES = "a broken cipher suite"
DATED_SUITES = "a cipher suite without forward secrecy or authenticated encryption"
_DAYS_LEFT = 14
_BROKEN_HASHES = frozenset({"md5", "sha1"})
_LEAST_BITS = {"RSA": 2048, "EC": 224, "DSA": 2048}


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a host.

    Attributes:
        not_after: Unix seconds.
        key: ``RSA``, ``EC``, ``DSA`` or another kind.
        bits: The size of its key; 0 where that says nothing.
        signed_with: The hash under its signature, lower-case; empty if there is none.
    """

    not_after: float
    key: str
    bits: int
    signed_with: str


@dataclass(frozen=True, slots=True)
class Connection:
    """An https origin, as the handshakes show it.

    Attributes:
        origin: Which one.
        looked_at: Unix seconds.
        untrusted: Why its certificate is refused; empty if it is trusted.
        failure: Why there was no handshake at all; empty if there was.
        version: What the best handshake agreed on, such as ``TLSv1.3``.
        certificate: None without a trusted handshake.
        accepted: What it agreed to of `OLD_VERSIONS`, `BROKEN_SUITES` and `DATED_SUITES`.
        unclear: What of these got no answer.
        in_the_clear: The same over plain http; None if it was not tried.
    """

    origin: str
    looked_at: float
    untrusted: str = ""
    failure: str = ""
    version: str = ""
    certificate: Certificate | None = None
    accepted: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    in_the_clear: Exchange | None = None

    @property
    def spoke(self) -> bool:
        """Something at the other end answered."""
        return not self.failure

    def protocol_flaws(self) -> Iterator[tuple[Severity, str]]:
        """Old versions and weak suites (RFC 9325 §3.1.1, §4.1, §4.2)."""
        for offer in self.accepted:
            yield (Severity.LOW if offer == DATED_SUITES else Severity.HIGH), f"it accepts {offer}"
        if self.version and self.version != "TLSv1.3":
            yield Severity.LOW, f"the best that it offers is {self.version}, not TLSv1.3"

    def certificate_flaws(self) -> Iterator[tuple[Severity | None, str]]:
        """What keeps a client from trusting the certificate, or soon will (RFC 9325 §4.5, §7.1)."""
        if self.untrusted:
            yield None, f"its certificate is refused: {self.untrusted}"
        if (seen := self.certificate) is None:
            return
        days = (seen.not_after - self.looked_at) / 86400
        if days < _DAYS_LEFT:
            yield Severity.LOW, f"its certificate ends in {days:.0f} days"
        if seen.bits and seen.bits < _LEAST_BITS.get(seen.key, 0):
            yield Severity.HIGH, f"the key of its certificate is {seen.key} with {seen.bits} bits"
        if seen.signed_with in _BROKEN_HASHES:
            yield Severity.HIGH, f"its certificate is signed over {seen.signed_with}"
