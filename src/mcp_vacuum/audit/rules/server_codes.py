"""Grants that must not be served, and authorization codes."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

as_grant_01 = planned(
    id="AS-GRANT-01",
    title="Implicit, hybrid-token and password grants are refused",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("RFC 9700 §2.4 and §2.1.2", "OAuth 2.1 §10 and §10.1", "OAuch, IsPasswordFlowDisabled"),
    fix="disable legacy grants",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_code_01 = planned(
    id="AS-CODE-01",
    title="Authorization code works once, also under concurrency",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §4.1.3",
        "RFC 6749 §4.1.2 and §10.5",
        "OAuch, MultipleCodeExchanges, SingleFastACExchange",
    ),
    fix="atomic consume of the code",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_code_02 = planned(
    id="AS-CODE-02",
    title="Code reuse revokes tokens already issued from it",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.1.3 and §7.5.3", "RFC 6749 §4.1.2", "OAuch, TokenValidAfterMultiExchange"),
    fix="revoke the grant on valid replay",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_code_03 = planned(
    id="AS-CODE-03",
    title="Code expires within ten minutes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §4.1.2", "RFC 6749 §4.1.2", "FAPI 2.0 Security Profile §5.3.2.1-11 (60 s)"),
    fix="shorten code lifetime",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_code_04 = planned(
    id="AS-CODE-04",
    title="Code is bound to client and redirect_uri",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §4.1.3 and §10.2",
        "RFC 6749 §4.1.3",
        "OAuch, IsCodeBoundToClient, RedirectUriChecked",
    ),
    fix="bind code to client and URI",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    as_grant_01,
    as_code_01,
    as_code_02,
    as_code_03,
    as_code_04,
)
