"""Whose answer it is: `iss`, and mix-up of two servers (RFC 9207)."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity, planned

cl_iss_01 = planned(
    id="CL-ISS-01",
    title="Records the validated issuer per request before redirecting",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization, Authorization Response Validation", "OAuth 2.1 §7.14", "RFC 9700 §4.4.2"),
    fix="one transaction record keyed by state",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_02 = planned(
    id="CL-ISS-02",
    title="Rejects any iss that differs from the recorded issuer",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Authorization Response Validation", "RFC 9207 §2.4"),
    fix="compare before any use of code, whatever the metadata says",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_03 = planned(
    id="CL-ISS-03",
    title="Missing iss: reject if advertised, otherwise proceed",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization, Authorization Response Validation (table)", "RFC 9207 §2.4"),
    fix="implement the four-row table",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_04 = planned(
    id="CL-ISS-04",
    title="Compares iss without URL normalisation",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Authorization Response Validation", "RFC 9207 §2.4", "RFC 3986 §6.2.1"),
    fix="plain string equality after one form-decode",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_05 = planned(
    id="CL-ISS-05",
    title="Ignores error details of responses with wrong iss",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Authorization Response Validation", "RFC 9207 §2.4"),
    fix="check iss first, then show a generic message",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_06 = planned(
    id="CL-ISS-06",
    title="Rejects repeated response parameters",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.1", "OAuch, AuthEndpoint/CodePollution", "RFC 9207 §4"),
    fix="fail on any duplicate of code, state, iss, error",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

cl_iss_07 = planned(
    id="CL-ISS-07",
    title="Survives a full mix-up attack between two servers",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §2.3.4 and §7.14",
        "RFC 9700 §4.4.1",
        "MCP authorization security considerations, Mix-Up Attacks",
    ),
    fix="iss check plus issuer-bound token endpoint",
    kinds=(Kind.CLIENT,),
    because="it is part of `audit client`",
)

RULES: tuple[Rule, ...] = (
    cl_iss_01,
    cl_iss_02,
    cl_iss_03,
    cl_iss_04,
    cl_iss_05,
    cl_iss_06,
    cl_iss_07,
)
