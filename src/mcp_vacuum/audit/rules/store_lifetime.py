"""What is stored is short-lived, narrow, strong, and ends when it should."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, planned, rule

LONGEST, SHORTEST = 3600, 900


@rule(
    id="ST-LIFE-01",
    title="Access token lifetime obeys policy and expired ones are purged",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 6750 §5.3", "OAuth 2.1 §7.1.3.5", "lower bound 15 min is project policy"),
    fix="re-issue shorter tokens; purge",
    kinds=(Kind.FLOW, Kind.STORE),
    because="it is part of `audit store`",
    bad='{"expires_in": 86400}',
    good='{"expires_in": 3600}',
)
def access_tokens_are_short_lived(evidence: FlowEvidence) -> Results:
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


st_life_02 = planned(
    id="ST-LIFE-02",
    title="Long-lived refresh tokens rotate or are sender-constrained",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §4.3.1", "RFC 9700 §2.2.2"),
    fix="force re-login; report the AS",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_life_03 = planned(
    id="ST-LIFE-03",
    title="Finished or abandoned login state is removed",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 9700 §4.2.4", "OAuth 2.1 §7.5.2"),
    fix="delete at completion and on a timer",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_life_04 = planned(
    id="ST-LIFE-04",
    title="Removed servers leave no live grant behind",
    level=Level.ADVICE,
    severity=Severity.LOW,
    sources=("RFC 7009 §2", "OAuth 2.1 §4.3.3"),
    fix="revoke, then delete",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_scope_01 = planned(
    id="ST-SCOPE-01",
    title="Stored grants are not broader than used",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, Scope Minimization", "RFC 9700 §2.3"),
    fix="re-authorize with fewer scopes",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_key_01 = planned(
    id="ST-KEY-01",
    title="Private keys are protected, strong and per purpose",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP DPoP extension, Key Storage", "FAPI 2.0 Security Profile §5.4.1", "RFC 8725 §3.5"),
    fix="hardware or OS keystore",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_sec_01 = planned(
    id="ST-SEC-01",
    title="Client secrets are strong and tokens look sane",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.7", "OAuch, ClientSecretEntropyMinReq", "RFC 9068 §2.1"),
    fix="rotate the secret; report the issuer",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

RULES: tuple[Rule, ...] = (
    access_tokens_are_short_lived,
    st_life_02,
    st_life_03,
    st_life_04,
    st_scope_01,
    st_key_01,
    st_sec_01,
)
