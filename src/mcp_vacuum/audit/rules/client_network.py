"""Where a client lets itself be sent: addresses, redirects, and what a browser opens."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

cl_ssrf_01 = planned(
    id="CL-SSRF-01",
    title="HTTPS for every OAuth URL except loopback development",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "OAuth 2.1 §1.5",
        "MCP security best practices, Enforce HTTPS",
        "MCP authorization security considerations, Communication Security",
    ),
    fix="validate scheme of every URL before any use",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_ssrf_02 = planned(
    id="CL-SSRF-02",
    title="Blocks private, link-local, metadata and disguised addresses",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("MCP security best practices, Block Private IP Ranges", "RFC 9728 §7.7"),
    fix="filter resolved addresses with a library (ipaddress.is_global)",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_ssrf_03 = planned(
    id="CL-SSRF-03",
    title="Re-validates every redirect hop on OAuth fetches",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("MCP security best practices, Validate Redirect Targets", "RFC 9728 §7.7"),
    fix="disable auto-redirect or check each hop; refuse on POST",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_ssrf_04 = planned(
    id="CL-SSRF-04",
    title="Connects to the address it checked (no DNS rebinding)",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, DNS Resolution Considerations", "RFC 9728 §7.7"),
    fix="pin the resolved address for the request",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_open_01 = planned(
    id="CL-OPEN-01",
    title="Authorization URL limited to https, or http on loopback",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("MCP security best practices, OAuth Authorization URL Validation", "OAuth 2.1 §1.5"),
    fix="allow-list parsed scheme before opening",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_open_02 = planned(
    id="CL-OPEN-02",
    title="Opens URLs without a shell and rejects metacharacters",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=("MCP security best practices, OAuth Authorization URL Validation", "CVE-2025-6514 (mcp-remote)"),
    fix="call the platform API or argv list after re-serialising the URL",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_open_03 = planned(
    id="CL-OPEN-03",
    title="Uses an external browser, not an embedded view",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §8.2", "RFC 8252 §8.12"),
    fix="open the system browser",
    kinds=(Kind.CONFIG,),
    because="the source code of a client is not looked at",
)

cl_open_04 = planned(
    id="CL-OPEN-04",
    title="Web client pages carry a Content Security Policy",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, OAuth Authorization URL Validation (CSP)", "RFC 9700 §4.16"),
    fix="send script-src 'self' or nonces",
    kinds=(Kind.CLIENT,),
    because="the web pages of a client are not looked at; a client is run, not visited",
)

RULES: tuple[Rule, ...] = (
    cl_ssrf_01,
    cl_ssrf_02,
    cl_ssrf_03,
    cl_ssrf_04,
    cl_open_01,
    cl_open_02,
    cl_open_03,
    cl_open_04,
)
