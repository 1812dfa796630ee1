"""Clients at an authorization server: authentication, registration, metadata documents."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

as_cli_01 = planned(
    id="AS-CLI-01",
    title="Confidential clients must authenticate; guessing is throttled",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §3.2.1 and §2.4.1", "RFC 6749 §3.2.1", "FAPI 2.0 Security Profile §5.3.2.1-6"),
    fix="enforce authentication and rate limits",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_cli_02 = planned(
    id="AS-CLI-02",
    title="Client assertions are fully validated",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 7523 §3", "rfc7523bis §4", "OAuch, Jwt/* tests"),
    fix="validate per RFC 7523 and bis",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_cli_03 = planned(
    id="AS-CLI-03",
    title="Registration refuses dangerous redirect URIs",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9700 §2.6", "RFC 7591 §5", "OAuth 2.1 §2.3 and §2.3.1", "OpenID Connect Registration §2"),
    fix="validate at registration",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_cli_04 = planned(
    id="AS-CLI-04",
    title="Registration response is minimal, correct and protected",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("RFC 7591 §3.2.1", "RFC 7592 §2 and §3", "RFC 7591 §5"),
    fix="fix registration handling",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

as_cli_05 = planned(
    id="AS-CLI-05",
    title="CIMD: advertised, document fetched and matched exactly",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Implementation Requirements (authorization servers)",
        "Client ID Metadata Document draft 00 §4, §4.1, §4.5 and §5",
    ),
    fix="validate document before consent",
    kinds=(Kind.ACTIVE,),
    because="it needs a host of ours that the authorization server can reach from the internet",
)

as_cli_06 = planned(
    id="AS-CLI-06",
    title="CIMD fetch resists SSRF, redirects and large bodies",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Authorization Server Abuse Protection",
        "Client ID Metadata Document draft 00 §6.5 and §6.6",
        "Client ID Metadata Document draft 01 §4 and §6.5 (MUST)",
    ),
    fix="block special-use addresses, cap 5 kB",
    kinds=(Kind.ACTIVE,),
    because="it needs a host of ours that the authorization server can reach from the internet",
)

RULES: tuple[Rule, ...] = (
    as_cli_01,
    as_cli_02,
    as_cli_03,
    as_cli_04,
    as_cli_05,
    as_cli_06,
)
