"""How a client finds the authorization server: challenges, metadata, issuers."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

cl_disc_01 = planned(
    id="CL-DISC-01",
    title="Parses 401 challenges and extracts resource_metadata",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization server discovery, Protected Resource Metadata Discovery Requirements",
        "RFC 9728 §5.1",
    ),
    fix="use a real HTTP challenge parser, never a regex",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_02 = planned(
    id="CL-DISC-02",
    title="Finds PRM by challenge, then path URL, then root",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization server discovery, Protected Resource Metadata Discovery Requirements",
        "RFC 9728 §3.1",
    ),
    fix="implement the three-step order",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_03 = planned(
    id="CL-DISC-03",
    title="Rejects PRM whose resource names another origin",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9728 §3.3", "RFC 9728 §7.3", "MCP conformance suite, auth/resource-mismatch"),
    fix="compare resource with the requested URL before using the document",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_04 = planned(
    id="CL-DISC-04",
    title="PRM resource equals requested URL, not merely its origin",
    level=Level.MUST,
    severity=Severity.LOW,
    sources=(
        "RFC 9728 §3.3",
        "draft-mcguinness-oauth-rfc9728bis-01 (expired, would relax to origin plus path prefix)",
    ),
    fix="strict by default, prefix tolerance only as a logged opt-in",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_05 = planned(
    id="CL-DISC-05",
    title="Takes the authorization server only from validated PRM",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization, Overview item 4",
        "MCP authorization server discovery, Authorization Server Location",
    ),
    fix="never guess the AS when PRM exists",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_06 = planned(
    id="CL-DISC-06",
    title="Tries AS metadata URLs in order, including OpenID-only servers",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization server discovery, Authorization Server Metadata Discovery",
        "RFC 8414 §3.1 and §5",
    ),
    fix="implement the 3-URL and 2-URL lists",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_07 = planned(
    id="CL-DISC-07",
    title="Rejects AS metadata whose issuer differs from the expected one",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization server discovery, Authorization Server Metadata Discovery",
        "RFC 8414 §3.3 and §6.2",
        "OpenID Connect Discovery §4.3",
    ),
    fix="compare raw strings code point by code point; do not parse with a normalising URL type",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_08 = planned(
    id="CL-DISC-08",
    title="Bounds size, time and shape of fetched metadata",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.11", "MCP security best practices, Server-Side Request Forgery (SSRF)"),
    fix="stream with a byte cap (for example 1 MiB) and total deadline",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_09 = planned(
    id="CL-DISC-09",
    title="Sends no credentials when fetching metadata, JWKS or icons",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 9700 §4.9.1", "MCP basic/index Icons"),
    fix="use a separate unauthenticated HTTP client for discovery",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_disc_10 = planned(
    id="CL-DISC-10",
    title="Re-reads and revalidates PRM on a new challenge",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 9728 §5.2", "MCP client registration, Authorization Server Binding"),
    fix="treat a challenge as a cache invalidation",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    cl_disc_01,
    cl_disc_02,
    cl_disc_03,
    cl_disc_04,
    cl_disc_05,
    cl_disc_06,
    cl_disc_07,
    cl_disc_08,
    cl_disc_09,
    cl_disc_10,
)
