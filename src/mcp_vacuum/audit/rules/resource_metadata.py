"""The metadata of a protected resource (RFC 9728)."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.server import Fetched, ServerEvidence, hints
from mcp_vacuum.audit.evidence.wire import same_origin
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, rule
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.safety.url import check_endpoint, origin, printable


@rule(
    id="RS-META-01",
    title="PRM is reachable by challenge or well-known URL",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization server discovery, Protected Resource Metadata Discovery Requirements",
        "RFC 9728 §3 and §3.2",
    ),
    fix="publish PRM",
    kinds=(Kind.PASSIVE,),
    bad=('401, WWW-Authenticate: Bearer resource_metadata="https://mcp.example/missing" (which is 404)'),
    good=(
        'GET /.well-known/oauth-protected-resource/mcp: 200, application/json, {"resource": '
        '"https://mcp.example/mcp", …}'
    ),
)
def metadata_is_published(evidence: ServerEvidence) -> Results:
    """Without this document a client cannot know which authorization server it may trust with a login."""
    evidence.must_be_protected()
    if evidence.resource_metadata is None:
        yield Finding(
            evidence.url,
            "no protected resource metadata is where a client looks",
            at=evidence.resource[-1].exchange,
        )
    for document in evidence.resource:
        if document.place == "challenge" and not document.present:
            place = printable(document.url)
            why = f"the challenge points to {place}, where there is no document: {document.problem}"
            yield Finding("WWW-Authenticate, resource_metadata", why, at=document.exchange)
        elif document.present and document.exchange.media_type != "application/json":
            said = printable(document.exchange.media_type) or "no media type"
            yield Finding(
                document.url,
                f"it is served as {said}, not application/json",
                Severity.LOW,
                at=document.exchange,
            )
    yield from _contradictions([document for document in evidence.resource if document.present])
    yield from _flapping(evidence)


def _flapping(evidence: ServerEvidence) -> Results:
    """The document that a client would use, fetched once more."""
    first, again = evidence.resource_metadata, evidence.again
    if first is None or again is None:
        return
    if again.exchange.response is None:
        yield NotChecked(f"INCONCLUSIVE: {again.url}, fetched again: {again.problem}")
    elif again.members != first.members:
        why = f"fetched twice, it is not the same: {again.problem or 'other members'}"
        yield Finding(again.url, why, Severity.MEDIUM, at=again.exchange)


def _contradictions(documents: list[Fetched]) -> Results:
    for one, other in pairwise(documents):
        if one.url != other.url and one.members != other.members:
            why = f"the document here and the one at {printable(one.url)} differ"
            yield Finding(other.url, why, Severity.MEDIUM, at=other.exchange)


@rule(
    id="RS-META-02",
    title="PRM lists at least one usable authorization server",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization server discovery, Authorization Server Location", "RFC 9728 §2 and §7.6"),
    fix="list working issuers",
    kinds=(Kind.PASSIVE,),
    bad='{"resource": "https://mcp.example/mcp"}',
    good='{"resource": "https://mcp.example/mcp", "authorization_servers": ["https://as.example"]}',
)
def authorization_servers_are_listed(evidence: ServerEvidence) -> Results:
    """A client takes its authorization server from this list and from nowhere else."""
    document = evidence.known_resource_metadata()
    listed = (document.members or {}).get("authorization_servers")
    where = f"{document.url}, authorization_servers"
    if not document.words("authorization_servers"):
        why = "it is missing" if listed is None else "it is no array of strings with at least one entry"
        yield Finding(where, why, at=document.exchange)
    for name in document.words("authorization_servers") or ():
        if why := _unfit(name):
            yield Finding(where, f"{printable(name)} {why}", at=document.exchange)
    yield from _resolved(where, evidence)
    yield from _told_by_the_other_side(document, evidence)


def _resolved(where: str, evidence: ServerEvidence) -> Results:
    """Of the issuers that may be asked, one at least has to publish metadata of its own."""
    asked = [issuer for issuer in evidence.issuers if not _unfit(issuer.name)]
    broken = [issuer for issuer in asked if not any(map(issuer.is_described_by, issuer.found))]
    for issuer in broken:
        seen = issuer.documents[0]
        name = printable(issuer.name)
        if all(each.exchange.response is None for each in issuer.documents):
            yield NotChecked(f"INCONCLUSIVE: {name}: {seen.problem}")
            continue
        what = "metadata of another issuer" if issuer.found else "no metadata"
        others = "" if len(broken) == len(asked) else ", though another one in the list is usable"
        severity = None if len(broken) == len(asked) else Severity.MEDIUM
        yield Finding(where, f"{name} publishes {what}{others}", severity, at=seen.exchange)


def _told_by_the_other_side(document: Fetched, evidence: ServerEvidence) -> Results:
    """An authorization server may list its resources (RFC 9728 §4); it need not list all of them."""
    for issuer in evidence.issuers:
        for each in issuer.found:
            listed = each.words("protected_resources")
            if listed is not None and document.text("resource") not in listed:
                why = "it does not list this resource; perhaps its tokens are not for it"
                place = f"{each.url}, protected_resources"
                yield Finding(place, why, Severity.LOW, certain=False, at=each.exchange)


def _unfit(name: str) -> str:
    """Say what keeps a string from being an issuer that may be asked."""
    try:
        check_endpoint(name, "it")
    except SecurityRefused as refused:
        return f"is no usable issuer: {refused.message}"
    return ""


@rule(
    id="RS-META-03",
    title="PRM resource is identical to the server URL",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9728 §3.3", "RFC 9728 §2 and §1.2"),
    fix="set resource to the exact endpoint URL",
    kinds=(Kind.PASSIVE,),
    bad='{"resource": "https://other.example/mcp", …} at https://mcp.example/mcp',
    good='{"resource": "https://mcp.example/mcp", …} at https://mcp.example/mcp',
)
def resource_is_the_server(evidence: ServerEvidence) -> Results:
    """A document for another resource would have tokens issued for that one, and a client must not use it."""
    evidence.known_resource_metadata()
    for document in evidence.resource:
        if document.present:
            yield from _identity(evidence.url, document)


def _identity(url: str, document: Fetched) -> Results:
    where = f"{document.url}, resource"
    resource = document.text("resource")
    wanted = origin(url) if document.place == "root" else url
    if resource is None:
        yield Finding(where, "it is missing or no string", at=document.exchange)
    elif resource not in (wanted, url):
        severity, why = _difference(resource, wanted)
        yield Finding(where, f"it is {printable(resource)}, {why}", severity, at=document.exchange)


def _difference(resource: str, wanted: str) -> tuple[Severity, str]:
    """Weigh how far a resource identifier is from the URL that it has to be."""
    if not same_origin(resource, wanted):
        return Severity.CRITICAL, f"another origin than {wanted}"
    if "#" in resource:
        return Severity.HIGH, "which has a fragment"
    if resource.rstrip("/") == wanted.rstrip("/"):
        return Severity.LOW, f"which differs from {wanted} by a slash"
    if urlsplit(wanted).path.startswith(urlsplit(resource).path.rstrip("/") + "/"):
        return Severity.LOW, f"a parent of {wanted}"
    return Severity.HIGH, f"another resource than {wanted}"


@rule(
    id="RS-META-05",
    title="bearer_methods_supported allows header only",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 9728 §2", "OAuth 2.1 §5.1", "RFC 9700 §4.3.2"),
    fix="advertise header only",
    kinds=(Kind.PASSIVE,),
    bad='{"bearer_methods_supported": ["header", "query"], …}',
    good='{"bearer_methods_supported": ["header"], …}',
)
def tokens_go_into_the_header(evidence: ServerEvidence) -> Results:
    """A token in a URL ends in logs, histories and Referer headers; one in a form passes more hands."""
    document = evidence.known_resource_metadata()
    where = f"{document.url}, bearer_methods_supported"
    methods = document.words("bearer_methods_supported")
    if methods is None and "bearer_methods_supported" in (document.members or {}):
        yield Finding(where, "it is no array of strings", Severity.LOW, at=document.exchange)
    for method, severity in (("query", Severity.HIGH), ("body", Severity.LOW)):
        if method in (methods or ()):
            yield Finding(where, f"it lists {method}", severity, at=document.exchange)


_TOO_WIDE = frozenset({"*", "all", "admin", "full-access", "full_access", "fullaccess"})
_MANY_SCOPES = 20


@rule(
    id="RS-META-06",
    title="scopes_supported is minimal, without wildcard or offline_access",
    level=Level.SHOULD_NOT,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization, Refresh Tokens",
        "MCP security best practices, Scope Minimization",
        "RFC 9728 §7.2",
    ),
    fix="publish the base set only",
    kinds=(Kind.PASSIVE,),
    bad='{"scopes_supported": ["mcp:tools", "admin", "offline_access"], …}',
    good='{"scopes_supported": ["mcp:tools"], …}',
)
def scopes_are_minimal(evidence: ServerEvidence) -> Results:
    """A client that is told no scope asks for all that are listed, so this list is what it will get."""
    evidence.must_be_protected()
    found = evidence.resource_metadata
    if found is not None:
        yield from _scopes(f"{found.url}, scopes_supported", found.words("scopes_supported"), found.exchange)
    for name, exchange in evidence.greetings.items():
        hint = hints(exchange)
        if hint and hint.scope and exchange.status == 401:
            yield from _scopes(f"{name} without a token, scope", tuple(hint.scope.split()), exchange)
            return  # the others ask for the same, or RS-CHAL-02 would be about each of them


def _scopes(where: str, scopes: tuple[str, ...] | None, exchange: Exchange) -> Results:
    for scope in scopes or ():
        if scope == "offline_access":
            yield Finding(where, "it lists offline_access, which is the client's to ask for", at=exchange)
        elif re.split(r"[:./]", scope.lower())[-1] in _TOO_WIDE:
            sure = scope.endswith("*")  # what a name like admin grants is the server's own affair
            yield Finding(where, f"it lists {printable(scope)}, a wide scope", certain=sure, at=exchange)
    if len(scopes or ()) > _MANY_SCOPES:
        why = f"it lists {len(scopes or ())} scopes; a client that asks for all gets them all"
        yield Finding(where, why, Severity.LOW, at=exchange)


RULES: tuple[Rule, ...] = (
    metadata_is_published,
    authorization_servers_are_listed,
    resource_is_the_server,
    tokens_go_into_the_header,
    scopes_are_minimal,
)
