"""Access tokens as an authorization server issues them."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

as_tok_01 = planned(
    id="AS-TOK-01",
    title="Token responses are uncacheable JSON",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.2.3", "RFC 6749 §5.1", "OAuch, HasCacheControlHeader"),
    fix="add no-store",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_02 = planned(
    id="AS-TOK-02",
    title="Access token lifetime is between 15 and 60 minutes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 6750 §5.3 (one hour or less)", "OAuth 2.1 §7.1.3.5", "lower bound is project policy"),
    fix="set lifetime to 15-60 min",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_03 = planned(
    id="AS-TOK-03",
    title="Codes and tokens are unguessable",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.7", "RFC 6749 §10.10", "OAuch, AccessTokenEntropyMinReq"),
    fix="use 256-bit random values",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_04 = planned(
    id="AS-TOK-04",
    title="JWT access tokens are typed, signed asymmetrically and complete",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9068 §2.1 and §2.2", "RFC 8725 §3.1, §3.2 and §3.11"),
    fix="follow the RFC 9068 profile",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_05 = planned(
    id="AS-TOK-05",
    title="Token audience is restricted to the requested resource",
    level=Level.SHOULD,
    severity=Severity.CRITICAL,
    sources=("RFC 8707 §2", "OAuth 2.1 §7.1.4", "RFC 9700 §2.3", "MCP enterprise-managed authorization §5.1"),
    fix="honour resource, mint audience",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_06 = planned(
    id="AS-TOK-06",
    title="Granted scope is never wider than asked, and is reported",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 6749 §3.3 and §5.1", "OAuth 2.1 §3.2.3"),
    fix="fix scope processing",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_tok_07 = planned(
    id="AS-TOK-07",
    title="Token endpoint hygiene: POST only, no URL credentials, clean errors",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §3.2, §2.4.1 and §3.2.4",
        "RFC 6749 §2.3.1, §3.2 and §5.2",
        "OAuch, IsGetSupported, IsAuthInUriAllowed",
    ),
    fix="reject and normalise errors",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    as_tok_01,
    as_tok_02,
    as_tok_03,
    as_tok_04,
    as_tok_05,
    as_tok_06,
    as_tok_07,
)
