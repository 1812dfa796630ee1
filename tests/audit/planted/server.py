"""Servers of the laboratory with one flaw each, seen without a login."""

from __future__ import annotations

from typing import Any

import anyio

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.lab import ABSENT, Lab, LabConfig
from tests.audit.planted import Planted

OTHER = "https://other.example/mcp"


def audited(config: LabConfig | None = None, **faults: Any) -> SecurityReport:
    """Audit a laboratory with these faults."""
    with Lab(config) as lab:
        for name, value in faults.items():
            setattr(lab.faults, name, value)
        return anyio.run(audit_server, lab.mcp_url)


def flaw(
    rule: str,
    what: str,
    *,
    severity: Severity | None = None,
    must_also: tuple[str, ...] = (),
    says: str = "",
    config: LabConfig | None = None,
    **faults: Any,
) -> Planted:
    """Return a server with this flaw."""
    return Planted(rule, what, lambda: audited(config, **faults), severity, frozenset(must_also), says)


NO_HINT = LabConfig(challenge_hints=False)

PLANTED = (
    flaw(
        "RS-META-01", "no document", config=NO_HINT, resource_metadata_status=404, must_also=("RS-CHAL-01",)
    ),
    flaw("RS-META-01", "a challenge that leads nowhere", resource_metadata_html=True),
    flaw("RS-META-02", "no authorization_servers", no_authorization_servers=True),
    flaw("RS-META-02", "an empty list", resource_metadata_override={"authorization_servers": []}),
    flaw("RS-META-03", "another origin", wrong_resource=OTHER, severity=Severity.CRITICAL),
    flaw("RS-META-03", "no resource", resource_metadata_override={"resource": ABSENT}),
    flaw("RS-CHAL-01", "no challenge", challenge=()),
    flaw("RS-CHAL-01", "403", mcp_status=403),
    flaw("RS-CHAL-02", "no scope", challenge=('Bearer realm="lab"',), severity=Severity.LOW),
    flaw("AS-META-01", "no document", metadata_status=404, must_also=("RS-META-02",)),
    flaw(
        "AS-META-02",
        "another issuer",
        wrong_issuer="https://other.example",
        severity=Severity.CRITICAL,
        must_also=("RS-META-02",),
    ),
    flaw("AS-PKCE-01", "not advertised", no_pkce_advertised=True),
    flaw("AS-PKCE-01", "plain only", pkce_plain_only=True, must_also=("AS-PKCE-02",)),
)
