"""For whom the tokens are that an MCP server takes."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN_RESOURCE, ActiveEvidence
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    error_of,
    gives_token,
    is_served,
    text_member,
)
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    Results,
    Rule,
    Severity,
    inconclusive,
    rule,
)
from mcp_vacuum.audit.rules.server_token_content import is_ours
from mcp_vacuum.safety.url import printable


@rule(
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
    bad="a token for another resource of the same server: 200",
    good="a token for another resource of the same server: 401",
)
def other_audiences_are_refused(evidence: ActiveEvidence) -> Results:
    """Otherwise whoever runs any other resource can use the tokens that people bring them here."""
    control = evidence.must_have_token()
    token = evidence.exchange("other resource")
    if not gives_token(token):
        raise inconclusive(
            f"no token for another resource could be had: {printable(error_of(token), 60) or token.said}"
        )
    taken = evidence.exchange("other audience")
    jwt, visit = Jwt.read(text_member(token, "access_token") or ""), evidence.visit("other resource")
    if jwt is not None and visit.said("resource") not in jwt.audiences:
        raise inconclusive("the token that was asked for with another resource is not for that one")
    if is_served(taken) and jwt is None and visit.said("resource") == FOREIGN_RESOURCE:
        why = "a token that was asked for with another resource is taken: nothing tells tokens apart"
        yield Finding(f"{taken.method} {taken.url}", why, Severity.HIGH, certain=False, at=taken)
        return
    control = evidence.exchange("used")
    yield from tried(evidence, "other audience", "a token for another resource", is_served, control)


@rule(
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
    bad='a token with {"aud": "https://graph.microsoft.com"} is taken',
    good='a token with {"aud": "https://mcp.example/mcp"} is taken',
)
def tokens_are_addressed_to_this_server(evidence: ActiveEvidence) -> Results:
    """A server that takes other services' tokens passes them on, or will be passed them."""
    granted = evidence.must_have_token()
    if not is_served(evidence.exchange("used")):
        raise inconclusive("the server takes no token of ours")
    jwt = Jwt.read(text_member(granted, "access_token") or "")
    if jwt is None:
        raise inconclusive("the access token is opaque: what it is for can only its issuer tell")
    named = jwt.audiences
    if not named:
        yield Finding("access token, aud", "it is missing, and the token is taken", at=granted)
    elif not any(is_ours(evidence, each) for each in named):
        why = f"it is {printable(', '.join(named))}, and the token is taken"
        yield Finding("access token, aud", why, at=granted)


RULES: tuple[Rule, ...] = (
    other_audiences_are_refused,
    tokens_are_addressed_to_this_server,
)
