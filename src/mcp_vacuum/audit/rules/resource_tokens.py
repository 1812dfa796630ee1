"""Which tokens an MCP server takes."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

rs_tok_01 = planned(
    id="RS-TOK-01",
    title="Garbage and empty tokens are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §5.2", "MCP authorization, Token Handling"),
    fix="validate before processing",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_02 = planned(
    id="RS-TOK-02",
    title="Unsigned and tampered JWTs are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9068 §4", "RFC 8725 §3.1 and §3.3", "OAuch, AcceptsNoneSignature"),
    fix="pin algorithms, verify signature",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_03 = planned(
    id="RS-TOK-03",
    title="No algorithm or key confusion",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 8725 §3.1 and §3.10", "RFC 9068 §4"),
    fix="use only keys of the trusted jwks_uri",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_04 = planned(
    id="RS-TOK-04",
    title="Expired and revoked tokens are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §5.2", "MCP authorization, Token Handling"),
    fix="check exp; introspect or keep tokens short",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_05 = planned(
    id="RS-TOK-05",
    title="Tokens for another audience are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization security considerations, Access Token Privilege Restriction",
        "RFC 8707 §2",
        "RFC 9700 §2.3",
        "OAuth 2.1 §7.1.4",
    ),
    fix="check aud against own resource URI",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_06 = planned(
    id="RS-TOK-06",
    title="Accepted token is addressed to this server (no passthrough)",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "MCP security best practices, Token Passthrough",
        "MCP authorization, Token Handling",
        "MCP authorization security considerations, Access Token Privilege Restriction",
    ),
    fix="issue own tokens; exchange upstream",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_07 = planned(
    id="RS-TOK-07",
    title="ID tokens and refresh tokens are not accepted",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9068 §2.1 and §4", "RFC 8725 §3.11 and §3.12"),
    fix="require typ at+jwt or introspection",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_08 = planned(
    id="RS-TOK-08",
    title="Token in query string is ignored",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §5.1", "RFC 6750 §2.3", "RFC 9700 §4.3.2", "OAuch, TokenAsQueryParameterDisabled"),
    fix="read the header only",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_09 = planned(
    id="RS-TOK-09",
    title="Every method, path and transport variant needs the token",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Token Requirements", "MCP security best practices, State Handle Hijacking"),
    fix="put the check in front of routing",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_10 = planned(
    id="RS-TOK-10",
    title="Scopes are enforced per operation",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §5.2", "RFC 6750 §3.1", "MCP security best practices, Scope Minimization"),
    fix="check scope in each handler",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

rs_tok_11 = planned(
    id="RS-TOK-11",
    title="Sender-constrained tokens are enforced",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "RFC 9449 §7.1 and §7.2",
        "RFC 9449 §4.3",
        "MCP conformance suite, sep-1932-server-*",
        "RFC 8705 §3",
    ),
    fix="check cnf and proof",
    kinds=(Kind.ACTIVE,),
    because="it is part of the one-login ladder (--active)",
)

RULES: tuple[Rule, ...] = (
    rs_tok_01,
    rs_tok_02,
    rs_tok_03,
    rs_tok_04,
    rs_tok_05,
    rs_tok_06,
    rs_tok_07,
    rs_tok_08,
    rs_tok_09,
    rs_tok_10,
    rs_tok_11,
)
