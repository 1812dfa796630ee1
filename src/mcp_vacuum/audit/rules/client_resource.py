"""What a client asks a token for: resource (RFC 8707) and scope."""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run, first, form_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import Look, asked, finding, must_do, must_refuse
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, planned, rule

_CHALLENGED = {"mcp:tools", "mcp:admin"}
_LISTED = {"mcp:tools", "mcp:resources", "mcp:prompts"}
_OFFLINE = "offline_access"
_NO_REQUEST = NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")


@rule(
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
    bad="grant_type=authorization_code&code=…&code_verifier=…",
    good="…&resource=https%3A%2F%2Fmcp.example.com%2Fmcp in both requests, and when it refreshes",
)
def resource_is_always_sent(evidence: ClientEvidence) -> Results:
    """Without a resource the token may be good everywhere, and every server that gets it can use it."""
    if not evidence.asks:
        yield _NO_REQUEST
    without = [
        ("the authorization request", run, ask) for run, ask in evidence.asks if not ask.get("resource")
    ]
    redeemed = _without_resource(evidence, "code", "the token request")
    refreshed = _without_resource(evidence, "refresh_token", "the refresh request")
    for found in (without, redeemed, refreshed):
        for what, run, at in found[:1]:
            yield finding(run, f"{what} has no resource", at)
    if not any(run.refreshes for run in evidence.runs):
        yield NotChecked("INCONCLUSIVE: the client did not refresh a token")


def _without_resource(
    evidence: ClientEvidence, name: str, what: str
) -> list[tuple[str, Run, Exchange | Ask]]:
    return [
        (what, run, each)
        for run in evidence.runs
        for each in run.token_requests
        if name in form_of(each) and not first(form_of(each), "resource")
    ]


@rule(
    id="CL-RES-02",
    title="resource is the canonical server URI",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Canonical Server URI", "RFC 8707 §2"),
    fix="canonicalise once, keep the path",
    kinds=(Kind.CLIENT,),
    bad="resource=https://MCP.example.com/mcp/",
    good="resource=https://mcp.example.com/mcp",
)
def resource_is_canonical(evidence: ClientEvidence) -> Results:
    """A server compares the string; another spelling of it is another resource."""
    runs = evidence.of("LAB-00", "LAB-12")
    sent = [(run, ask, ask.get("resource")) for run in runs for ask in run.asks if ask.get("resource")]
    if not sent:
        yield NotChecked("INCONCLUSIVE: no authorization request with a resource was seen")
    for run, ask, resource in sent:
        if wrong := _spelled(resource, run.place.mcp_url):
            yield finding(run, f"resource: {wrong}", ask)
            return


def _spelled(resource: str, url: str) -> str:
    if resource == url:
        return ""
    if "#" in resource:
        return "it has a fragment"
    if resource.rstrip("/") == url:
        return "it has a slash more than the server's URL"
    if url.startswith(resource):
        return "it is less specific than the server's URL"
    parts = urlsplit(resource)
    return (
        "it is no absolute URL" if not parts.netloc else "it is not the server's URL, character for character"
    )


@rule(
    id="CL-RES-03",
    title="resource names the server in use, same in all steps",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP authorization, Resource Parameter Implementation", "RFC 9728 §7.4"),
    fix="derive from the user-chosen URL, not from the server's words",
    kinds=(Kind.CLIENT,),
    bad="the authorization request names one resource, the token request another",
    good="the URL that the client was given, in every request",
)
def resource_is_the_server_in_use(evidence: ClientEvidence) -> Results:
    """A server that can choose the resource gets a token for somebody else's server."""
    yield from must_refuse(
        evidence,
        "LAB-03/other-origin",
        met=lambda run: run.resource_metadata,
        crossed=_moved,
        why="the client asks for a token for that resource",
    )
    for run in evidence.runs:
        asks = {ask.get("resource") for ask in run.asks} - {""}
        for each in run.redemptions:
            sent = first(form_of(each), "resource")
            if asks and sent and sent not in asks:
                yield finding(
                    run, "the token request names another resource than the authorization request", each
                )
                return


def _moved(run: Run) -> tuple[Ask, ...]:
    """The resource that was asked for is not at the server's origin."""
    origin = run.place.mcp_url.removesuffix("/mcp")
    return tuple(
        ask for ask in run.asks if ask.get("resource") and not ask.get("resource").startswith(origin)
    )


@rule(
    id="CL-SCOPE-01",
    title="Requests challenge scopes first, else scopes_supported, else none",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Scope Selection Strategy", "RFC 6750 §3"),
    fix="follow the two-step order",
    kinds=(Kind.CLIENT,),
    bad='the challenge says scope="files:write", the request says scope=files:read',
    good="scope of the challenge, else what the metadata lists, else none",
)
def scopes_are_the_challenges(evidence: ClientEvidence) -> Results:
    """The challenge says what the operation needs; anything else is too much, or not enough."""
    for variant, wanted, why in (
        ("challenge", _CHALLENGED, "the client does not ask for exactly the challenge's scopes"),
        ("listed", _LISTED, "the client does not ask for the scopes that the metadata lists"),
        ("none", set[str](), "the client asks for a scope all the same"),
    ):
        yield from must_do(evidence, f"LAB-30/{variant}", met=asked, done=_asking(wanted), why=why)


def _asking(wanted: set[str]) -> Look:
    def look(run: Run) -> tuple[Ask, ...]:
        return tuple(ask for ask in run.asks if set(ask.get("scope").split()) - {_OFFLINE} == wanted)

    return look


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


@rule(
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
    bad="scope=… offline_access, which the server does not list",
    good="offline_access only where scopes_supported of the server has it",
)
def offline_access_is_listed(evidence: ClientEvidence) -> Results:
    """A server that does not know the scope may refuse the whole request."""
    yield from must_refuse(
        evidence, "LAB-30/no-offline", met=asked, crossed=_offline, why="the client asks for offline_access"
    )


def _offline(run: Run) -> tuple[Ask, ...]:
    return tuple(ask for ask in run.asks if _OFFLINE in ask.get("scope").split())


RULES: tuple[Rule, ...] = (
    resource_is_always_sent,
    resource_is_canonical,
    resource_is_the_server_in_use,
    scopes_are_the_challenges,
    cl_scope_02,
    offline_access_is_listed,
)
