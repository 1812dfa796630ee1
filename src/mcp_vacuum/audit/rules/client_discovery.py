"""How a client finds the authorization server: challenges, metadata, issuers."""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import CUSTOM_METADATA, Ask, ClientEvidence, Run, path_of, sent_header
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import (
    asked,
    challenged,
    finding,
    must_do,
    must_refuse,
    read_resource_metadata,
    read_server_metadata,
    used,
)
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_OAUTH, _OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
_CREDENTIALS = ("authorization", "cookie", "dpop")
_TOO_LONG = 14.0
"""Seconds for a document that a good server sends in one."""
_CRASHES = ("RecursionError", "MemoryError", "Maximum call stack", "stack overflow", "Segmentation fault")


@rule(
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
    bad='WWW-Authenticate: Basic realm="a", Bearer resource_metadata="https://…" is not understood',
    good="GET of the URL that the Bearer challenge names",
)
def challenges_are_parsed(evidence: ClientEvidence) -> Results:
    """A client that looks for a pattern in the header finds nothing, or what somebody else put there."""
    yield from must_do(
        evidence,
        "LAB-01",
        met=challenged,
        done=_custom,
        why="the client does not ask for the metadata that the Bearer challenge names",
    )


def _custom(run: Run) -> tuple[Exchange, ...]:
    return run.to(CUSTOM_METADATA, "GET")


@rule(
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
    bad="GET /.well-known/oauth-protected-resource, although the challenge names another URL",
    good="the URL of the challenge, else the well-known URL with the path, else the one of the origin",
)
def resource_metadata_in_order(evidence: ClientEvidence) -> Results:
    """Who asks elsewhere first can be told something else than the server's challenge says."""
    yield from must_refuse(
        evidence,
        "LAB-02/challenge",
        met=challenged,
        crossed=_decoys_first,
        why="the client asks a well-known URL first",
    )
    yield from must_do(
        evidence,
        "LAB-02/path",
        "LAB-02/root",
        met=challenged,
        done=_in_order,
        why="the client does not ask the well-known URL with the path, and then the one of the origin",
    )


def _decoys_first(run: Run) -> tuple[Exchange, ...]:
    wanted = [each.number for each in _custom(run)]
    return tuple(each for each in run.resource_metadata if not wanted or each.number < min(wanted))


def _in_order(run: Run) -> tuple[Exchange, ...]:
    paths = list(dict.fromkeys(map(path_of, run.resource_metadata)))
    expected = [f"{_WELL_KNOWN}/mcp", *([_WELL_KNOWN] if run.variant == "root" else [])]
    return run.resource_metadata if paths[: len(expected)] == expected else ()


@rule(
    id="CL-DISC-03",
    title="Rejects PRM whose resource names another origin",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9728 §3.3", "RFC 9728 §7.3", "MCP conformance suite, auth/resource-mismatch"),
    fix="compare resource with the requested URL before using the document",
    kinds=(Kind.CLIENT,),
    bad='metadata with "resource": "https://other.example/mcp" is used',
    good="the login ends with an error before any authorization server is asked",
)
def foreign_resource_is_rejected(evidence: ClientEvidence) -> Results:
    """Metadata of another resource sends the user to log in for something that they do not use."""
    name = "LAB-03/other-origin"
    yield from must_refuse(
        evidence,
        name,
        met=read_resource_metadata,
        crossed=used,
        why="the client registers or asks all the same",
    )
    for run in evidence.of(name):
        if run.server_metadata and not used(run):
            why = f"{run.what}; then the client still reads the metadata of the server that it names"
            yield finding(run, why, run.server_metadata[0], Severity.MEDIUM)


@rule(
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
    bad='the server is https://h.example/mcp, its metadata says "resource": "https://h.example/other"',
    good='"resource" is the URL that the client was given, character for character',
)
def resource_is_the_url(evidence: ClientEvidence) -> Results:
    """Several servers may share an origin, and one must not speak for the others."""
    yield from must_refuse(
        evidence,
        "LAB-03/origin",
        "LAB-03/sibling",
        met=read_resource_metadata,
        crossed=used,
        why="the client goes on",
        severity={"sibling": Severity.MEDIUM},
    )


@rule(
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
    bad="POST /register at the MCP server, although its metadata names an authorization server",
    good="requests to the named authorization server only",
)
def server_is_never_guessed(evidence: ClientEvidence) -> Results:
    """A guessed authorization server gets the user's login, and nobody vouched for it."""
    yield from must_refuse(
        evidence, "LAB-04", met=read_resource_metadata, crossed=_trapped, why="the client goes there"
    )
    for run in evidence.of("LAB-04"):
        read = [each for each in _at_mcp(run) if "/.well-known/o" in each.url and _WELL_KNOWN not in each.url]
        if read and not _trapped(run):
            yield finding(run, f"{run.what}; then the client reads its metadata", read[0], Severity.LOW)


def _at_mcp(run: Run) -> tuple[Exchange, ...]:
    return run.at_origin_of(run.place.mcp_url)


def _trapped(run: Run) -> tuple[Exchange, ...]:
    return tuple(
        each for each in _at_mcp(run) if path_of(each).endswith(("/authorize", "/token", "/register"))
    )


@rule(
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
    bad="only /.well-known/oauth-authorization-server is asked, and the login fails",
    good="oauth-authorization-server/tenant, openid-configuration/tenant, tenant/openid-configuration",
)
def server_metadata_in_order(evidence: ClientEvidence) -> Results:
    """A server with OpenID metadata, or with a path in its issuer, is found nowhere else."""
    yield from must_do(
        evidence,
        "LAB-05",
        met=read_resource_metadata,
        done=asked,
        why="the client does not find the metadata",
    )
    for run in evidence.of("LAB-05"):
        if run.server_metadata and (wrong := _out_of_order(run)):
            yield finding(run, wrong, run.server_metadata[0], Severity.LOW)


def _out_of_order(run: Run) -> str:
    paths = list(dict.fromkeys(path_of(each) for each in run.server_metadata))
    tenant = urlsplit(run.place.issuer).path
    expected = [f"{_OAUTH}{tenant}", f"{_OPENID}{tenant}", *([f"{tenant}{_OPENID}"] if tenant else [])]
    if tenant and {_OAUTH, _OPENID} & set(paths):
        return "the client asks for metadata without the issuer's path, which is another issuer's"
    known = [path for path in paths if path in expected]
    return "" if known == expected[: len(known)] else f"the client asks in another order: {', '.join(paths)}"


@rule(
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
    bad='"issuer": "https://accounts.other.example" from https://as.example is used',
    good="the login ends with an error, as the issuer is not the one that was asked for",
)
def foreign_issuer_is_rejected(evidence: ClientEvidence) -> Results:
    """Metadata in the name of another server is the first half of a mix-up."""
    mild = {"case": Severity.MEDIUM, "percent": Severity.MEDIUM, "slash": Severity.LOW}
    yield from must_refuse(
        evidence,
        "LAB-06",
        met=read_server_metadata,
        crossed=used,
        why="the client registers or asks all the same",
        severity=mild,
    )


@rule(
    id="CL-DISC-08",
    title="Bounds size, time and shape of fetched metadata",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.11", "MCP security best practices, Server-Side Request Forgery (SSRF)"),
    fix="stream with a byte cap (for example 1 MiB) and total deadline",
    kinds=(Kind.CLIENT,),
    bad="a document of 10 MiB is read to its end and used",
    good="the client gives up after a megabyte, or a few seconds",
)
def metadata_is_bounded(evidence: ClientEvidence) -> Results:
    """A document without measure makes a client slow, or brings it down."""
    names = ("big", "bomb", "array", "html")
    yield from must_refuse(
        evidence,
        *(f"LAB-07/{name}" for name in names),
        met=read_server_metadata,
        crossed=_took_it,
        why="the client takes it and goes on",
    )
    yield from must_refuse(
        evidence,
        "LAB-07/drip",
        met=_gave_up_or_waited,
        crossed=_still_waiting,
        why="the client is waiting still when it is ended",
    )
    yield from must_refuse(
        evidence, "LAB-07/nested", met=read_server_metadata, crossed=_crashed, why="the client crashes"
    )


def _took_it(run: Run) -> tuple[Exchange | Ask, ...]:
    """What was used of the metadata; other endpoints at the same server are guessed, which is CL-LEG-01's."""
    return tuple(each for each in used(run) if each.url.startswith(f"{run.place.issuer}/"))


def _still_waiting(run: Run) -> tuple[Exchange, ...]:
    last = run.exchanges[-1:]
    waiting = last == run.server_metadata[-1:] and run.ended in ("quiet", "timeout")
    return last if waiting and run.ended_at - last[0].started_at >= _TOO_LONG else ()


def _gave_up_or_waited(run: Run) -> tuple[Exchange, ...]:
    cut_short = run.ended == "timeout" and not _still_waiting(run)
    return () if cut_short else read_server_metadata(run)


def _crashed(run: Run) -> tuple[Exchange, ...]:
    crashed = (run.exit_code or 0) < 0 or any(words in run.output for words in _CRASHES)
    return run.server_metadata[-1:] if crashed else ()


@rule(
    id="CL-DISC-09",
    title="Sends no credentials when fetching metadata, JWKS or icons",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 9700 §4.9.1", "MCP basic/index Icons"),
    fix="use a separate unauthenticated HTTP client for discovery",
    kinds=(Kind.CLIENT,),
    bad="GET /.well-known/oauth-authorization-server with Authorization: Bearer …",
    good="metadata is fetched without any credential",
)
def no_credentials_on_discovery(evidence: ClientEvidence) -> Results:
    """Metadata may lie anywhere; a credential that goes along is given away."""
    again = False
    for run in evidence.runs:
        for each in (*run.resource_metadata, *run.server_metadata, *run.registrations, *run.to("/jwks")):
            sent = [name for name in _CREDENTIALS if sent_header(each, name)]
            if sent:
                yield finding(run, f"the client sends {sent[0]} when it asks for {path_of(each)}", each)
                return
            again = again or any(call.number < each.number for call in run.authorized_calls)
    if not again:
        yield NotChecked("INCONCLUSIVE: no metadata was fetched after a login")


RULES: tuple[Rule, ...] = (
    challenges_are_parsed,
    resource_metadata_in_order,
    foreign_resource_is_rejected,
    resource_is_the_url,
    server_is_never_guessed,
    server_metadata_in_order,
    foreign_issuer_is_rejected,
    metadata_is_bounded,
    no_credentials_on_discovery,
)
