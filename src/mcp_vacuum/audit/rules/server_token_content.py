"""What access tokens say, where they are JWTs, and what they are for."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN_RESOURCE, ActiveEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.jwt import Jwt, is_signed_by
from mcp_vacuum.audit.keys import is_weak
from mcp_vacuum.audit.probe import goes_on
from mcp_vacuum.audit.reaction import (
    Reaction,
    gives_token,
    reaction,
    text_member,
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
    rule,
)
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import origin, printable

_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
"""RFC 9068 §2.2."""


@rule(
    id="AS-TOK-04",
    title="JWT access tokens are typed, signed asymmetrically and complete",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 9068 §2.1 and §2.2", "RFC 8725 §3.1, §3.2 and §3.11"),
    fix="follow the RFC 9068 profile",
    kinds=(Kind.ACTIVE,),
    bad='{"alg": "HS256", "typ": "JWT"}',
    good='{"alg": "ES256", "typ": "at+jwt", "kid": "…"}',
)
def jwt_tokens_keep_the_profile(evidence: ActiveEvidence) -> Results:
    """A server that verifies tokens offline has nothing but what the token says, and its signature."""
    granted = evidence.must_have_token()
    token = text_member(granted, "access_token") or ""
    jwt = Jwt.read(token)
    if jwt is None:
        raise not_applicable("the access token is no JWT")
    yield from _header(granted, jwt)
    yield from _claims(evidence, granted, jwt)
    yield from _signature(evidence, granted, token)


@rule(
    id="AS-TOK-05",
    title="Token audience is restricted to the requested resource",
    level=Level.SHOULD,
    severity=Severity.CRITICAL,
    sources=("RFC 8707 §2", "OAuth 2.1 §7.1.4", "RFC 9700 §2.3", "MCP enterprise-managed authorization §5.1"),
    fix="honour resource, mint audience",
    kinds=(Kind.ACTIVE,),
    bad='resource=https://mcp.example/mcp: {"aud": ["https://mcp.example/mcp", "https://api.example"]}',
    good='resource=https://mcp.example/mcp: {"aud": "https://mcp.example/mcp"}',
)
def tokens_are_for_one_resource(evidence: ActiveEvidence) -> Results:
    """A token that is good everywhere is stolen at the weakest place and used at the strongest."""
    granted = evidence.must_have_token()
    jwt = Jwt.read(text_member(granted, "access_token") or "")
    if jwt is not None:
        yield from _audience(evidence, granted, jwt)
    yield from _unknown_resource(evidence, jwt)


def _header(granted: Exchange, jwt: Jwt) -> Results:
    algorithm, kind = str(jwt.header.get("alg")), str(jwt.header.get("typ", ""))
    if algorithm.lower() == "none":
        yield Finding("access token, alg", "it is none: there is no signature", Severity.CRITICAL, at=granted)
    elif is_weak(algorithm):
        yield Finding(
            "access token, alg", f"it is {printable(algorithm, 40)}, which is symmetric", at=granted
        )
    if kind.lower().removeprefix("application/") != "at+jwt":
        why = f"it is {printable(kind, 40) or 'missing'}, not at+jwt: other tokens can pass for it"
        yield Finding("access token, typ", why, Severity.MEDIUM, at=granted)


def _claims(evidence: ActiveEvidence, granted: Exchange, jwt: Jwt) -> Results:
    missing = [name for name in _CLAIMS if name not in jwt.claims]
    if missing:
        severity = Severity.HIGH if {"exp", "aud", "iss"} & set(missing) else Severity.LOW
        yield Finding("access token", f"it lacks {', '.join(missing)}", severity, at=granted)
    issuer = evidence.stated("issuer")
    if "iss" in jwt.claims and jwt.claims["iss"] != issuer:
        why = f"it is {printable(str(jwt.claims['iss']))}, and the issuer is {printable(str(issuer))}"
        yield Finding("access token, iss", why, Severity.MEDIUM, at=granted)


def _signature(evidence: ActiveEvidence, granted: Exchange, token: str) -> Results:
    """Some published key must have made it."""
    keys = next((each.endpoints.keys for each in evidence.server.issuers if each.endpoints.keys), None)
    try:
        made = is_signed_by(token, keys.document) if keys else None
    except NotADocument:
        made = None
    if made is None:
        yield NotChecked("INCONCLUSIVE: no published key is there to verify the signature with")
    elif not made:
        yield Finding("access token, signature", "no key of jwks_uri made it", at=granted)


def _audience(evidence: ActiveEvidence, granted: Exchange, jwt: Jwt) -> Results:
    wanted, named = evidence.resource or evidence.server.url, jwt.audiences
    if not named:
        yield Finding("access token, aud", "it is missing", Severity.HIGH, at=granted)
    elif wanted not in named:
        why = f"it is {printable(', '.join(named))}, and {printable(wanted)} was asked for"
        yield Finding("access token, aud", why, Severity.HIGH, at=granted)
    elif more := [name for name in named if not is_ours(evidence, name)]:
        yield Finding("access token, aud", f"it names {printable(', '.join(more))} too", at=granted)


def is_ours(evidence: ActiveEvidence, audience: str) -> bool:
    """Say whether an audience is the server, its origin, or its authorization server (for userinfo)."""
    here = {
        evidence.server.url,
        evidence.resource,
        str(evidence.stated("issuer")),
        evidence.stated("userinfo_endpoint"),
    }
    names = {name.rstrip("/") for name in here if isinstance(name, str)} | {origin(evidence.server.url)}
    return audience.rstrip("/") in names


def _unknown_resource(evidence: ActiveEvidence, jwt: Jwt | None) -> Results:
    """A resource that nobody knows gets invalid_target, or no login at all."""
    exchange = evidence.exchange("foreign resource")
    went = reaction(exchange, evidence.redirect_uri)
    if went in (Reaction.REFUSED, Reaction.ERROR):
        if not goes_on(evidence, evidence.exchange("asked")):
            yield NotChecked("INCONCLUSIVE: an unknown resource is refused, but so was the right one")
        return
    visit = evidence.visits.get("other resource")
    if visit is None or visit.said("resource") != FOREIGN_RESOURCE:
        yield NotChecked("INCONCLUSIVE: an unknown resource: no login decided")
    elif visit.arrived is None:
        yield NotChecked(f"INCONCLUSIVE: an unknown resource: {visit.failure}")
    elif "other resource" in evidence.seen and gives_token(evidence.seen["other resource"]):
        granted = evidence.seen["other resource"]
        other = Jwt.read(text_member(granted, "access_token") or "")
        same = jwt is not None and other is not None and jwt.audiences == other.audiences
        why = "a resource that it does not know brings a token"
        yield Finding("authorization request, resource", why, None if same else Severity.MEDIUM, at=granted)


RULES: tuple[Rule, ...] = (
    jwt_tokens_keep_the_profile,
    tokens_are_for_one_resource,
)
