"""SecurityAuditor: collects evidence, applies the catalogue, and reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_vacuum.audit.evidence import FlowEvidence, collect
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport
from mcp_vacuum.audit.rule import Finding, NotChecked, Rule
from mcp_vacuum.audit.rules import CATALOGUE


class SecurityAuditor:
    """Security compliance checker for OAuth clients."""

    def audit_oauth_flow(self, client: Any) -> SecurityReport:
        """Audit a configured `OAuth2Client` against the six rules of the guide.

        PKCE, exact redirect URI, state, encrypted storage, access tokens in memory only, token lifetime.
        Nothing is sent. A made-up token is put into the client's storage, looked for in its files, and
        deleted again.

        Args:
            client: An `OAuth2Client`, or an object with its attributes.

        Raises:
            StorageError: The client's storage cannot be used.
        """
        return judge(f"client {getattr(client, 'client_id', 'without an id')}", collect(client), CATALOGUE)


def judge(target: str, evidence: FlowEvidence, rules: Iterable[Rule]) -> SecurityReport:
    """Apply rules to evidence."""
    findings: list[ReportedFinding] = []
    passed: list[str] = []
    not_checked: list[tuple[str, str]] = []
    for rule in rules:
        results = list(rule.check(evidence))
        found = [ReportedFinding(rule, result) for result in results if isinstance(result, Finding)]
        skipped = [result.because for result in results if isinstance(result, NotChecked)]
        findings += found
        not_checked += [(rule.id, because) for because in skipped]
        if not found and not skipped:
            passed.append(rule.id)
    findings.sort(key=lambda found: -found.severity)
    return SecurityReport(target, tuple(findings), tuple(passed), tuple(not_checked))
