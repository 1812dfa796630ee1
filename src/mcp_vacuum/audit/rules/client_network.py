"""Where a client lets itself be sent: addresses, redirects, and what a browser opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import CANARY, Ask, ClientEvidence, Run
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import (
    asked,
    finding,
    must_do,
    must_refuse,
    not_run,
    read_server_metadata,
    redeemed,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    planned,
    rule,
)
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import printable

_SCHEMES = ("javascript", "mixed-case", "data", "file", "vbscript", "custom", "space", "control", "http")
_PLAIN = ("http-resource", "http-server", "http-registration", "http-token")
_INSIDE = (
    "private",
    "link-local",
    "loopback",
    "shared",
    "unique-local",
    "mapped",
    "decimal",
    "hexadecimal",
    "octal",
)
_NO_PROXY = "the client does not reach LAB-08/good by HTTPS_PROXY and its authority"
_SHELL = ("dollar", "backtick", "semicolon", "quote", "pipe")
_RAW = ("$(", "`", ";", "'", '"', "|")


@rule(
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
    kinds=(Kind.FLOW, Kind.CLIENT),
    bad='OAuth2Client(token_endpoint="http://as.example/token")',
    good='OAuth2Client(token_endpoint="https://as.example/token")',
)
def endpoints_are_https(evidence: FlowEvidence) -> Results:
    """What goes over plain http to another host can be read and changed by everybody on the way."""
    if not evidence.endpoints:
        yield NotChecked("INCONCLUSIVE: the client shows no endpoint that could be looked at")
    for name, url in evidence.endpoints:
        if not is_page(url):
            yield Finding(name, "it is neither https nor http on loopback")


@also(endpoints_are_https, Kind.CLIENT)
def https_of_a_client(evidence: ClientEvidence) -> Results:
    """What goes over plain http to another host can be read and changed by everybody on the way."""
    yield from _public_lab(
        evidence,
        tuple(f"LAB-08/{name}" for name in _PLAIN),
        lambda run: tuple(url for url in run.asked_for if url.startswith("http://")),
    )


@rule(
    id="CL-SSRF-02",
    title="Blocks private, link-local, metadata and disguised addresses",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("MCP security best practices, Block Private IP Ranges", "RFC 9728 §7.7"),
    fix="filter resolved addresses with a library (ipaddress.is_global)",
    kinds=(Kind.CLIENT,),
    bad='"authorization_servers": ["https://169.254.169.254"], and the client asks there',
    good="the login ends with an error, and nothing is sent to a private address",
)
def private_addresses_are_blocked(evidence: ClientEvidence) -> Results:
    """A server outside must not choose what a client asks for inside its network."""
    yield from _public_lab(
        evidence,
        tuple(f"LAB-08/{name}" for name in _INSIDE),
        lambda run: (*run.asked_for, *(each.url for each in _at_loopback(run))),
    )


def _at_loopback(run: Run) -> tuple[Exchange, ...]:
    return run.at_origin_of(run.places[1].issuer) if len(run.places) > 1 else ()


def _public_lab(
    evidence: ClientEvidence, names: tuple[str, ...], crossed: Callable[[Run], Sequence[str]]
) -> Results:
    """Judge runs by the addresses that were asked for; nothing is concluded of who uses no proxy."""
    good = any(run.worked for run in evidence.of("LAB-08/good"))
    yield from not_run(evidence, "LAB-08/good", *names)
    for run in evidence.of(*names):
        if asked := tuple(crossed(run)):
            yield finding(run, f"{run.what}; then the client asks for {printable(asked[0], 80)}")
        elif not good:
            yield NotChecked(f"INCONCLUSIVE: {_NO_PROXY}")
        elif not run.challenged:
            yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")


@rule(
    id="CL-SSRF-03",
    title="Re-validates every redirect hop on OAuth fetches",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("MCP security best practices, Validate Redirect Targets", "RFC 9728 §7.7"),
    fix="disable auto-redirect or check each hop; refuse on POST",
    kinds=(Kind.CLIENT,),
    bad="POST /token is answered with 307 to another host, and the code goes there",
    good="the redirect of a token request is an error",
)
def redirects_are_not_trusted(evidence: ClientEvidence) -> Results:
    """A redirect is the word of whoever answers, and may lead into a network that only the client reaches."""
    yield from must_refuse(
        evidence,
        "LAB-09/token",
        met=redeemed,
        crossed=_at_the_other,
        why="the client sends the code and the verifier there",
    )
    yield from must_refuse(
        evidence,
        "LAB-09/hops",
        met=lambda run: run.server_metadata,
        crossed=read_server_metadata,
        why="the client follows them all",
        severity={"hops": Severity.MEDIUM},
    )
    yield from _another_origin(evidence)


def _at_the_other(run: Run) -> tuple[Exchange, ...]:
    return run.at_origin_of(run.places[1].issuer)


def _another_origin(evidence: ClientEvidence) -> Results:
    yield from not_run(evidence, "LAB-09/origin")
    if any(_at_the_other(run) for run in evidence.of("LAB-09/origin")):
        yield NotChecked(
            "INCONCLUSIVE: LAB-09/origin: the client follows a redirect to another origin; "
            "what it checks before cannot be seen on loopback"
        )


cl_ssrf_04 = planned(
    id="CL-SSRF-04",
    title="Connects to the address it checked (no DNS rebinding)",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, DNS Resolution Considerations", "RFC 9728 §7.7"),
    fix="pin the resolved address for the request",
    kinds=(Kind.CLIENT,),
    because="it needs a resolver of the laboratory's own, which a program without privileges cannot have",
)


@rule(
    id="CL-OPEN-01",
    title="Authorization URL limited to https, or http on loopback",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("MCP security best practices, OAuth Authorization URL Validation", "OAuth 2.1 §1.5"),
    fix="allow-list parsed scheme before opening",
    kinds=(Kind.CLIENT,),
    bad="the browser is given javascript:…?response_type=code",
    good="the login ends with an error, and no browser is opened",
)
def only_web_pages_are_opened(evidence: ClientEvidence) -> Results:
    """What a browser, or the system behind it, does with another scheme is the attacker's choice."""
    yield from must_refuse(
        evidence,
        *(f"LAB-10/{name}" for name in _SCHEMES),
        met=read_server_metadata,
        crossed=_opened_what_is_no_page,
        why="the client gives it to a browser",
        severity={"http": Severity.HIGH},
    )
    yield from must_refuse(
        evidence,
        "LAB-10/fragment",
        met=read_server_metadata,
        crossed=asked,
        why="the client asks there all the same",
        severity={"fragment": Severity.LOW},
    )
    yield from must_do(
        evidence,
        "LAB-10/query",
        met=asked,
        done=_with_query,
        why="the client does not keep it",
        severity=Severity.MEDIUM,
    )


def _opened_what_is_no_page(run: Run) -> tuple[Ask, ...]:
    return tuple(Ask(url, {}) for url in run.opened if not is_page(url))


def is_page(url: str) -> bool:
    """Whether a URL is https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(host))


def _with_query(run: Run) -> tuple[Ask, ...]:
    return tuple(ask for ask in run.asks if ask.get("tenant") == "1")


@rule(
    id="CL-OPEN-02",
    title="Opens URLs without a shell and rejects metacharacters",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=("MCP security best practices, OAuth Authorization URL Validation", "CVE-2025-6514 (mcp-remote)"),
    fix="call the platform API or argv list after re-serialising the URL",
    kinds=(Kind.CLIENT,),
    bad='sh -c "xdg-open https://as.example/authorize?x=$(touch canary)"',
    good="the program is started with the URL as its one argument",
)
def no_shell_sees_the_url(evidence: ClientEvidence) -> Results:
    """A URL from a server that passes a shell, or is taken for an option, runs the attacker's program."""
    shell = tuple(f"LAB-10/{name}" for name in _SHELL)
    yield from must_refuse(
        evidence, *shell, met=read_server_metadata, crossed=_ran, why="a shell ran the command"
    )
    yield from must_refuse(
        evidence,
        "LAB-10/option",
        met=read_server_metadata,
        crossed=_opened_an_option,
        why="the client hands it to a program as it is",
    )
    for run in evidence.of(*shell):
        raw = [url for url in run.opened if any(piece in url for piece in _RAW)]
        if raw and not _ran(run):
            why = f"{run.what}; then the client opens it without encoding what a shell would read"
            yield finding(run, why, None, Severity.LOW)
            return


def _ran(run: Run) -> tuple[Ask, ...]:
    return (Ask("", {}),) if CANARY in run.notes else ()


def _opened_an_option(run: Run) -> tuple[Ask, ...]:
    return tuple(Ask(url, {}) for url in run.opened if url.startswith("-"))


RULES: tuple[Rule, ...] = (
    https_of_a_client,
    private_addresses_are_blocked,
    redirects_are_not_trusted,
    cl_ssrf_04,
    only_web_pages_are_opened,
    no_shell_sees_the_url,
)
