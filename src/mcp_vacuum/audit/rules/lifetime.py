"""Access tokens live 15 to 60 minutes (RFC 6750 §5.3 has the upper bound; the lower one is the guide's)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.audit.evidence import FlowEvidence
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule

LONGEST, SHORTEST = 3600, 900


@rule(
    id="ST-LIFE-01",
    title="Access tokens live 15 to 60 minutes",
    severity=Severity.MEDIUM,
    sources=("RFC 6750 §5.3", "the guide, Short-lived Tokens"),
    fix="ask the authorization server's operator for access tokens of at most an hour",
)
def access_tokens_are_short_lived(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """The longer a stolen token works, the more it is worth stealing."""
    if isinstance(evidence.storage, str):
        yield NotChecked(evidence.storage)
        return
    if not evidence.storage.lifetimes:
        yield NotChecked("NOT_APPLICABLE: no token was issued to this storage yet")
    for seconds in sorted(set(evidence.storage.lifetimes)):
        if seconds > LONGEST:
            yield Finding(
                "stored login, expires_in", f"an access token was issued for {seconds / 60:.0f} minutes"
            )
        elif seconds < SHORTEST:
            why = f"an access token was issued for {seconds} seconds: safe, and busy"
            yield Finding("stored login, expires_in", why, Severity.INFO)
