"""What a client asks a token for: resource (RFC 8707) and scope."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

cl_res_01 = planned(
    id="CL-RES-01",
    title="Sends resource in authorization, code and refresh requests",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization, Resource Parameter Implementation",
        "RFC 8707 §2.1 and §2.2",
        "RFC 9728 §7.4",
    ),
    fix="always add resource",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_res_02 = planned(
    id="CL-RES-02",
    title="resource is the canonical server URI",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Canonical Server URI", "RFC 8707 §2"),
    fix="canonicalise once, keep the path",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_res_03 = planned(
    id="CL-RES-03",
    title="resource names the server in use, same in all steps",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization, Resource Parameter Implementation", "RFC 9728 §7.4"),
    fix="derive from the user-chosen URL, not from the server's words",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_res_04 = planned(
    id="CL-RES-04",
    title="invalid_target does not make the client drop resource",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 8707 §2", "MCP authorization, Resource Parameter Implementation"),
    fix="surface the error",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_scope_01 = planned(
    id="CL-SCOPE-01",
    title="Requests challenge scopes first, else scopes_supported, else none",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Scope Selection Strategy", "RFC 6750 §3"),
    fix="follow the two-step order",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_scope_02 = planned(
    id="CL-SCOPE-02",
    title="Configured scopes follow least privilege",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization, Scope Selection Strategy",
        "RFC 9728 §7.2",
        "MCP security best practices, Scope Minimization",
    ),
    fix="drop unneeded scopes",
    kinds=(Kind.CONFIG,),
    because="it is part of `audit config`",
)

cl_scope_03 = planned(
    id="CL-SCOPE-03",
    title="Step-up requests the union of old and challenged scopes",
    level=Level.SHOULD,
    severity=Severity.LOW,
    sources=("MCP authorization, Step-Up Authorization Flow", "MCP conformance suite, sep-2350"),
    fix="store requested scopes per server",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_scope_04 = planned(
    id="CL-SCOPE-04",
    title="Step-up and 401 retries are bounded and remembered",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization, Step-Up Authorization Flow",
        "MCP conformance suite, auth/scope-retry-limit (3)",
    ),
    fix="cap attempts per resource and operation",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_scope_05 = planned(
    id="CL-SCOPE-05",
    title="Asks offline_access only when the AS lists it",
    level=Level.ADVICE,
    severity=Severity.LOW,
    sources=(
        "MCP authorization, Refresh Tokens",
        "MCP conformance suite, sep-2207",
        "OpenID Connect Core §11",
    ),
    fix="gate on AS metadata",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    cl_res_01,
    cl_res_02,
    cl_res_03,
    cl_res_04,
    cl_scope_01,
    cl_scope_02,
    cl_scope_03,
    cl_scope_04,
    cl_scope_05,
)
