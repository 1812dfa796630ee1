"""Which tokens an MCP server takes."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_resource import GARBAGE
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    gives_token,
    is_served,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    not_applicable,
    planned,
    rule,
)
from mcp_vacuum.audit.rules import resource_audience


@rule(
    id="RS-TOK-01",
    title="Garbage and empty tokens are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §5.2", "MCP authorization, Token Handling"),
    fix="validate before processing",
    kinds=(Kind.ACTIVE,),
    bad="Authorization: Bearer null: 200",
    good="Authorization: Bearer null: 401",
)
def garbage_is_refused(evidence: ActiveEvidence) -> Results:
    """A server that takes anything in the header asks for nothing at all."""
    evidence.must_have_token()
    control = evidence.exchange("used")
    for what in GARBAGE:
        name = f"garbage: {what}"
        exchange = evidence.exchange(name)
        if exchange.status >= 500:
            yield Finding(f"a token that is {what}", f"it gets {exchange.said}", Severity.LOW, at=exchange)
        else:
            yield from tried(evidence, name, f"a token that is {what}", is_served, control)


@rule(
    id="RS-TOK-02",
    title="Unsigned and tampered JWTs are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 9068 §4", "RFC 8725 §3.1 and §3.3", "OAuch, AcceptsNoneSignature"),
    fix="pin algorithms, verify signature",
    kinds=(Kind.ACTIVE,),
    bad='a token with {"alg": "none"} and no signature: 200',
    good='a token with {"alg": "none"} and no signature: 401',
)
def forged_tokens_are_refused(evidence: ActiveEvidence) -> Results:
    """Without its signature a token is only what somebody wrote."""
    yield from _forged(evidence, "forged: ")


@rule(
    id="RS-TOK-03",
    title="No algorithm or key confusion",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("RFC 8725 §3.1 and §3.10", "RFC 9068 §4"),
    fix="use only keys of the trusted jwks_uri",
    kinds=(Kind.ACTIVE,),
    bad="a token signed by HS256 with the public key: 200",
    good="a token signed by HS256 with the public key: 401",
)
def keys_are_not_confused(evidence: ActiveEvidence) -> Results:
    """Who lets the token choose the algorithm or the key lets its writer choose."""
    yield from _forged(evidence, "resigned: ")


@rule(
    id="RS-TOK-04",
    title="Expired and revoked tokens are rejected",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §5.2", "MCP authorization, Token Handling"),
    fix="check exp; introspect or keep tokens short",
    kinds=(Kind.ACTIVE,),
    bad="after revocation the access token gets 200",
    good="after revocation the access token gets 401",
)
def ended_tokens_are_refused(evidence: ActiveEvidence) -> Results:
    """The end of a token is the one limit of a theft that nobody notices."""
    evidence.must_have_token()
    if is_served(evidence.exchange("used")) and "after revocation" in evidence.seen:
        before, after = evidence.exchange("before revocation"), evidence.exchange("after revocation")
        ended = evidence.exchange("revoked").status == 200
        if (
            is_served(before)
            and is_served(after)
            and ended
            and not gives_token(evidence.exchange("refreshed after revocation"))
        ):
            why = "the access token of a revoked login is taken right after it"
            lasting = Jwt.read(evidence.token("granted to another") or evidence.token() or "")
            severity = Severity.MEDIUM if lasting is None else Severity.LOW  # its own end is near
            yield Finding("a revoked token", why, severity, at=after)
    yield NotChecked("INCONCLUSIVE: no token was waited for until it had expired")


@rule(
    id="RS-TOK-07",
    title="ID tokens and refresh tokens are not accepted",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9068 §2.1 and §4", "RFC 8725 §3.11 and §3.12"),
    fix="require typ at+jwt or introspection",
    kinds=(Kind.ACTIVE,),
    bad="Authorization: Bearer (a refresh token): 200",
    good="Authorization: Bearer (a refresh token): 401",
)
def only_access_tokens_are_taken(evidence: ActiveEvidence) -> Results:
    """Other tokens are kept elsewhere, live longer, and are shown to other parties."""
    evidence.must_have_token()
    control = evidence.exchange("used")
    offered = [name for name in evidence.seen if name.startswith("as bearer: ")]
    if not offered:
        raise not_applicable("there is nothing but an access token")
    for name in offered:
        yield from tried(
            evidence, name, f"the {name.removeprefix('as bearer: ')} as access token", is_served, control
        )


@rule(
    id="RS-TOK-08",
    title="Token in query string is ignored",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §5.1", "RFC 6750 §2.3", "RFC 9700 §4.3.2", "OAuch, TokenAsQueryParameterDisabled"),
    fix="read the header only",
    kinds=(Kind.ACTIVE,),
    bad="POST /mcp?access_token=…: 200",
    good="POST /mcp?access_token=…: 401",
)
def the_query_is_not_read(evidence: ActiveEvidence) -> Results:
    """A URL stands in logs, histories and Referer headers, and the token with it."""
    evidence.must_have_token()
    control = evidence.exchange("used")
    yield from tried(evidence, "in the query", "the token in the query", is_served, control)


@rule(
    id="RS-TOK-09",
    title="Every method, path and transport variant needs the token",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Token Requirements", "MCP security best practices, State Handle Hijacking"),
    fix="put the check in front of routing",
    kinds=(Kind.ACTIVE,),
    bad="POST /mcp/ without a token: 200; POST /mcp: 401",
    good="POST /mcp/ without a token: 401 or 404",
)
def every_way_in_asks_for_the_token(evidence: ActiveEvidence) -> Results:
    """The check protects what is behind it; a second way in has no check."""
    evidence.must_have_token()
    control = evidence.exchange("used")
    for name in [each for each in evidence.seen if each.startswith("no token: ")]:
        what = f"{name.removeprefix('no token: ')} without a token"
        exchange = evidence.seen[name]
        if exchange.response is not None and exchange.status >= 500:
            continue  # it served nothing
        yield from tried(evidence, name, what, is_served, control)


rs_tok_10 = planned(
    id="RS-TOK-10",
    title="Scopes are enforced per operation",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §5.2", "RFC 6750 §3.1", "MCP security best practices, Scope Minimization"),
    fix="check scope in each handler",
    kinds=(Kind.ACTIVE,),
    because="which operation needs which scope only the operator of the server can say",
)


@rule(
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
    bad="a bound token as Bearer, without a proof: 200",
    good="a bound token as Bearer, without a proof: 401",
)
def bound_tokens_need_their_key(evidence: ActiveEvidence) -> Results:
    """A bound token is worth nothing without its key only where the key is asked for."""
    evidence.must_have_token()
    if not evidence.bound:
        raise not_applicable("the tokens are bound to no key")
    control = evidence.exchange("used")
    for name in [each for each in evidence.seen if each.startswith("unbound: ")]:
        yield from tried(evidence, name, evidence.seen[name].purpose, is_served, control)


def _forged(evidence: ActiveEvidence, kind: str) -> Results:
    evidence.must_have_token()
    names = [name for name in evidence.seen if name.startswith(kind)]
    if not names:
        evidence.exchange(kind.removesuffix(": "))
    control = evidence.exchange("used")
    for name in names:
        yield from tried(evidence, name, f"the token {name.removeprefix(kind)}", is_served, control)


RULES: tuple[Rule, ...] = (
    garbage_is_refused,
    forged_tokens_are_refused,
    keys_are_not_confused,
    ended_tokens_are_refused,
    resource_audience.other_audiences_are_refused,
    resource_audience.tokens_are_addressed_to_this_server,
    only_access_tokens_are_taken,
    the_query_is_not_read,
    every_way_in_asks_for_the_token,
    rs_tok_10,
    bound_tokens_need_their_key,
)
