"""A client and hostile text, old servers, extension grants, local servers and elicitation."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.marks import CONTROLS, LINE, SCRIPT_URL
from mcp_vacuum.audit.provoked import answered, finding, must_refuse, used
from mcp_vacuum.audit.rule import Kind, Level, Results, Rule, Severity, planned, rule


@rule(
    id="CL-ERR-01",
    title="Treats server-supplied error text and names as hostile",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §7.11",
        "MCP security best practices, OAuth Authorization URL Validation (input sanitization)",
    ),
    fix="length-limit, strip controls, label as untrusted",
    kinds=(Kind.CLIENT,),
    bad="login failed: \\x1b[2J… is printed as it came, and clears the terminal",
    good="login failed: the server says 'refused?[2J…'",
)
def foreign_text_is_made_harmless(evidence: ClientEvidence) -> Results:
    """Control characters and line breaks of a server rewrite terminals and forge lines of logs."""
    yield from must_refuse(
        evidence,
        "LAB-15/answer",
        "LAB-15/token",
        "LAB-15/registration",
        "LAB-15/names",
        "LAB-15/server",
        met=_got_hostile_text,
        crossed=_printed_controls,
        why="the client prints its control characters as they are",
    )
    for run in evidence.of("LAB-15"):
        if SCRIPT_URL in run.opened:
            yield finding(run, f"{run.what}; then the client opens a script as error_uri")
        elif any(line.startswith(LINE) for line in run.output.splitlines()) and not _printed_controls(run):
            why = f"{run.what}; then the client prints its line breaks, so that it writes lines of its own"
            yield finding(run, why, None, Severity.LOW)


def _got_hostile_text(run: Run) -> tuple[Exchange | Ask, ...]:
    return answered(run) if run.scenario == "LAB-15/answer" else _told(run)


def _told(run: Run) -> tuple[Exchange, ...]:
    word = LINE.encode()
    return tuple(each for each in run.exchanges if each.response and word in each.response.body)


def _printed_controls(run: Run) -> tuple[Exchange | Ask, ...]:
    shown: tuple[Exchange | Ask, ...] = (*_told(run), *run.asks)
    return shown[:1] if CONTROLS in run.output else ()


@rule(
    id="CL-LEG-01",
    title="Legacy default endpoints only after failed discovery and by opt-in",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization 2025-03-26, Fallbacks for Servers without Metadata Discovery",
        "MCP authorization security considerations, Authorization Code Protection",
    ),
    fix="default off, warn, keep PKCE and state",
    kinds=(Kind.CLIENT,),
    bad="no metadata anywhere, and the client registers at https://mcp.example/register",
    good="no metadata anywhere, and the client says so and stops",
)
def no_endpoints_are_guessed(evidence: ClientEvidence) -> Results:
    """A server without metadata says nothing of PKCE, and an attacker can make metadata fail.

    MCP 2025-03-26 wanted these guesses where metadata is answered with 404, so that they are less bad there.
    """
    yield from must_refuse(
        evidence,
        "LAB-27",
        met=lambda run: run.server_metadata or run.resource_metadata,
        crossed=used,
        why="the client registers or asks for a login at endpoints that nobody named",
        severity={"404": Severity.MEDIUM},
    )


cl_ext_01 = planned(
    id="CL-EXT-01",
    title="Machine flows use extension grants exactly and never fall back",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP client credentials extension, Client Authentication Methods",
        "MCP workload identity federation, Flow Steps",
        "MCP conformance suite, wif-no-retry, wif-grant-fallback",
    ),
    fix="one request, then surface the error",
    kinds=(Kind.CLIENT,),
    because="such a flow begins with a key that clients of the laboratory have not been given",
)

cl_ext_02 = planned(
    id="CL-EXT-02",
    title="ID-JAG flow sends bound audience and resource, stays secret",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP enterprise-managed authorization §4, §5 and §7.4.2",
        "ID-JAG draft §4.3 and §4.4",
        "RFC 8693 §2.1",
    ),
    fix="validate response type and target",
    kinds=(Kind.CLIENT,),
    because="such a flow begins at the identity provider of a company, which the laboratory does not have",
)

cl_loc_01 = planned(
    id="CL-LOC-01",
    title="Local server launch shows full command and asks consent",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP security best practices, Local MCP Server Compromise", "SEP-1024"),
    fix="consent dialog plus sandbox",
    kinds=(Kind.CLIENT,),
    because="how a program asks its user before it starts another is seen on a screen, not in messages",
)

cl_stdio_01 = planned(
    id="CL-STDIO-01",
    title="stdio servers get credentials from environment, not OAuth",
    level=Level.SHOULD_NOT,
    severity=Severity.LOW,
    sources=(
        "MCP authorization, Protocol Requirements",
        "MCP security best practices, stdio Transport Security in Proxy Scenarios",
    ),
    fix="pass secrets by environment or file descriptor",
    kinds=(Kind.CONFIG,),
    because="it is part of `audit config`",
)

cl_elic_01 = planned(
    id="CL-ELIC-01",
    title="URL elicitation needs consent, full URL, no prefetch",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("MCP elicitation, Safe URL Handling", "MCP elicitation, URL Mode Elicitation for OAuth Flows"),
    fix="consent screen and external browser",
    kinds=(Kind.CLIENT,),
    because="whether a person was asked is seen on a screen, not in messages",
)

RULES: tuple[Rule, ...] = (
    foreign_text_is_made_harmless,
    no_endpoints_are_guessed,
    cl_ext_01,
    cl_ext_02,
    cl_loc_01,
    cl_stdio_01,
    cl_elic_01,
)
