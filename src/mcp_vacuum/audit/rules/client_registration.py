"""How a client is known to a server, and how it proves to be that client."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

cl_reg_01 = planned(
    id="CL-REG-01",
    title="Chooses pre-registered, then CIMD, then DCR, then prompt",
    level=Level.SHOULD,
    severity=Severity.LOW,
    sources=(
        "MCP client registration, the priority list",
        "MCP client registration, Advertising CIMD Support",
    ),
    fix="implement the priority order",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_02 = planned(
    id="CL-REG-02",
    title="CIMD client_id URL is well formed",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP client registration, Implementation Requirements",
        "Client ID Metadata Document draft 00 §3",
    ),
    fix="host at a stable https URL with a path",
    kinds=(Kind.CONFIG,),
    because="it is part of `audit config`",
)

cl_reg_03 = planned(
    id="CL-REG-03",
    title="CIMD document is valid and matches its URL",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP client registration, Implementation Requirements",
        "Client ID Metadata Document draft 00 §4.1",
        "Client ID Metadata Document draft 01 §4 and §4.1",
    ),
    fix="fix the hosted document",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_04 = planned(
    id="CL-REG-04",
    title="CIMD document contains no shared secret",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("Client ID Metadata Document draft 00 §4.1", "RFC 8252 §8.5"),
    fix="use none or private_key_jwt",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_05 = planned(
    id="CL-REG-05",
    title="DCR sends application_type that fits its redirect URIs",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP client registration, Application Type and Redirect URI Constraints",
        "OpenID Connect Registration §2",
        "MCP conformance suite, sep-837",
    ),
    fix="add application_type",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_06 = planned(
    id="CL-REG-06",
    title="DCR metadata is minimal and response is verified",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 7591 §2 and §3.2.1", "MCP authorization, Refresh Tokens (refresh_token in grant_types)"),
    fix="ask for little, check what came back",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_07 = planned(
    id="CL-REG-07",
    title="Handles registration failures with a meaningful error",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP client registration, Application Type and Redirect URI Constraints", "RFC 7591 §3.2.2"),
    fix="surface error and stop",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_08 = planned(
    id="CL-REG-08",
    title="Credentials are keyed by issuer, never reused, re-registered on change",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "MCP authorization server discovery, Authorization Server Location",
        "MCP conformance suite, sep-2352",
    ),
    fix="index the store by issuer",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_reg_09 = planned(
    id="CL-REG-09",
    title="No shared secret embedded in a distributed client",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("RFC 8252 §8.5", "OAuth 2.1 §8.1.1", "RFC 6819 §5.3.1"),
    fix="use a public client with PKCE",
    kinds=(Kind.CONFIG,),
    because="it is part of `audit config`",
)

cl_auth_01 = planned(
    id="CL-AUTH-01",
    title="One supported authentication method per request, never in URL",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=(
        "OAuth 2.1 §2.4 and §2.4.1",
        "RFC 6749 §2.3.1",
        "MCP conformance suite, token-endpoint-auth-method",
    ),
    fix="pick one method from metadata and registration",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_auth_02 = planned(
    id="CL-AUTH-02",
    title="Client assertion is short-lived, unique and addressed to issuer",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("rfc7523bis §4 (updates RFC 7523 §3)", "RFC 7523 §3", "FAPI 2.0 Security Profile §5.3.2.1-8"),
    fix="set aud to the validated issuer",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    cl_reg_01,
    cl_reg_02,
    cl_reg_03,
    cl_reg_04,
    cl_reg_05,
    cl_reg_06,
    cl_reg_07,
    cl_reg_08,
    cl_reg_09,
    cl_auth_01,
    cl_auth_02,
)
