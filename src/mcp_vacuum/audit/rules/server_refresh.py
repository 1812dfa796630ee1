"""Refresh tokens at an authorization server, revocation and introspection."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

as_rt_01 = planned(
    id="AS-RT-01",
    title="Public clients get rotating or sender-constrained refresh tokens",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Token Theft",
        "OAuth 2.1 §4.3.1",
        "RFC 9700 §2.2.2 and §4.14.2",
    ),
    fix="enable rotation",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_rt_02 = planned(
    id="AS-RT-02",
    title="Reuse of a rotated refresh token revokes the family",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "OAuth 2.1 §4.3.1",
        "RFC 9700 §4.14.2",
        "OAuch, RefreshTokenRevokedAfterUse, InvalidatedRefreshToken",
    ),
    fix="reuse detection with family revocation",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_rt_03 = planned(
    id="AS-RT-03",
    title="Refresh token is bound to its client",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §4.3 and §4.3.1", "RFC 6749 §6 and §10.4", "OAuch, IsRefreshBoundToClient"),
    fix="check client on refresh",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_rt_04 = planned(
    id="AS-RT-04",
    title="Refresh cannot widen scope or resource",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3.1 and §3.2.3", "RFC 9700 §4.14.2", "RFC 8707 §2.2"),
    fix="bind refresh token to grant",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_rev_01 = planned(
    id="AS-REV-01",
    title="Revocation works, is https, bound to client and cascades",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 7009 §2 and §2.1", "RFC 9700 §4.14.2", "OAuch, RefreshRevokesAccess, IsBoundToClient"),
    fix="offer and enforce revocation",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_intro_01 = planned(
    id="AS-INTRO-01",
    title="Introspection requires authorization",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7662 §2.1", "RFC 6749 §10.10"),
    fix="require client or bearer authentication",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    as_rt_01,
    as_rt_02,
    as_rt_03,
    as_rt_04,
    as_rev_01,
    as_intro_01,
)
