"""Access tokens as an authorization server issues them."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN_RESOURCE, ActiveEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.guess import ENOUGH, TOLERABLE_BITS, WANTED_BITS, bits_of, samples_of
from mcp_vacuum.audit.jwt import Jwt, is_signed_by
from mcp_vacuum.audit.keys import is_weak
from mcp_vacuum.audit.leaks import leaks_in
from mcp_vacuum.audit.probe import goes_on
from mcp_vacuum.audit.reaction import (
    Reaction,
    error_of,
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

_LONGEST, _A_DAY, _SHORTEST = 3600, 86400, 900
_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
"""RFC 9068 §2.2."""
_ERRORS = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *(
            "unsupported_grant_type",
            "invalid_scope",
            "invalid_target",
            "invalid_dpop_proof",
            "use_dpop_nonce",
        ),
    }
)


@rule(
    id="AS-TOK-01",
    title="Token responses are uncacheable JSON",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.2.3", "RFC 6749 §5.1", "OAuch, HasCacheControlHeader"),
    fix="add no-store",
    kinds=(Kind.ACTIVE,),
    bad="200, application/json, Cache-Control: max-age=60",
    good="200, application/json, Cache-Control: no-store",
)
def token_responses_are_sound_json(evidence: ActiveEvidence) -> Results:
    """What a cache keeps, the next one who asks it may get: a token answer is for one reader."""
    granted, where = evidence.must_have_token(), "token response"
    if "no-store" not in (granted.header("cache-control") or "").lower():
        yield Finding(f"{where}, Cache-Control", "it does not say no-store", at=granted)
    if granted.media_type != "application/json":
        yield Finding(where, f"it is {printable(granted.media_type) or 'of no type'}", at=granted)
    if not text_member(granted, "token_type"):
        yield Finding(f"{where}, token_type", "it is missing", at=granted)
    lifetime = granted.document.get("expires_in")
    if lifetime is not None and (
        isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime <= 0
    ):
        yield Finding(f"{where}, expires_in", "it is no positive number", at=granted)


@rule(
    id="AS-TOK-02",
    title="Access token lifetime is between 15 and 60 minutes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 6750 §5.3 (one hour or less)", "OAuth 2.1 §7.1.3.5", "lower bound is project policy"),
    fix="set lifetime to 15-60 min",
    kinds=(Kind.ACTIVE,),
    bad='{"access_token": "…", "expires_in": 86400}',
    good='{"access_token": "…", "expires_in": 1800}',
)
def access_tokens_are_short_lived(evidence: ActiveEvidence) -> Results:
    """An access token cannot be taken back everywhere; its end is what limits a theft."""
    granted = evidence.must_have_token()
    stated, where = granted.document.get("expires_in"), "token response, expires_in"
    inside = _inside(granted)
    if not isinstance(stated, int | float) or isinstance(stated, bool):
        yield Finding(where, "it is missing, and the token may be good for ever", Severity.HIGH, at=granted)
        return
    if inside is not None and abs(inside - stated) > 60:
        why = f"it is {stated:.0f} s, and the token itself is good for {inside:.0f} s"
        yield Finding(where, why, Severity.LOW, at=granted)
    yield from _too_long(granted, where, float(max(stated, inside or 0)))


@rule(
    id="AS-TOK-03",
    title="Codes and tokens are unguessable",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.7", "RFC 6749 §10.10", "OAuch, AccessTokenEntropyMinReq"),
    fix="use 256-bit random values",
    kinds=(Kind.ACTIVE,),
    bad="codes code-000017, code-000018, code-000019",
    good="codes of 43 random characters",
)
def codes_and_tokens_cannot_be_guessed(evidence: ActiveEvidence) -> Results:
    """What can be counted on can be guessed, and then no login is needed."""
    evidence.must_have_token()
    few: list[str] = []
    for kind, values in samples_of(evidence).items():
        bits = bits_of(values)
        if len(values) >= 2 and bits < WANTED_BITS:
            severity = None if bits < TOLERABLE_BITS else Severity.LOW
            yield Finding(f"{kind}s", f"about {bits:.0f} bits change from one to the next", severity)
        elif len(values) < ENOUGH:
            few.append(f"{len(values)} {kind}s")
    if few:
        yield NotChecked(f"INCONCLUSIVE: too few to compare: {', '.join(few)}; {ENOUGH} are wanted")


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


@rule(
    id="AS-TOK-06",
    title="Granted scope is never wider than asked, and is reported",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 6749 §3.3 and §5.1", "OAuth 2.1 §3.2.3"),
    fix="fix scope processing",
    kinds=(Kind.ACTIVE,),
    bad='scope=mcp:tools asked for: {"scope": "mcp:tools mcp:admin"}',
    good='scope=mcp:tools asked for: {"scope": "mcp:tools"}',
)
def no_more_scope_than_asked(evidence: ActiveEvidence) -> Results:
    """What a client did not ask for it does not guard, and the person did not agree to."""
    evidence.must_have_token()
    looked = 0
    for visit_name, name in (("first", "redeemed"), ("replayed", "granted once")):
        visit, granted = evidence.visits.get(visit_name), evidence.seen.get(name)
        if visit is None or granted is None or not visit.said("scope"):
            continue
        looked += 1
        asked, given = set((visit.said("scope") or "").split()), _scopes(granted)
        if more := sorted((given or set()) - asked):
            why = f"{printable(' '.join(more))} was granted and not asked for"
            yield Finding("token response, scope", why, at=granted)
    if not looked:
        raise not_applicable("no scope is known that could be asked for")


@rule(
    id="AS-TOK-07",
    title="Token endpoint hygiene: POST only, no URL credentials, clean errors",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §3.2, §2.4.1 and §3.2.4",
        "RFC 6749 §2.3.1, §3.2 and §5.2",
        "OAuch, IsGetSupported, IsAuthInUriAllowed",
    ),
    fix="reject and normalise errors",
    kinds=(Kind.ACTIVE,),
    bad="GET /token?code=…: 400, invalid_grant",
    good="GET /token?code=…: 405",
)
def token_endpoint_is_clean(evidence: ActiveEvidence) -> Results:
    """What stands in a URL stands in logs; and an error must not say more than its code."""
    evidence.must_have_document()
    got = evidence.exchange("token by GET")
    if error_of(got) in ("invalid_grant", "invalid_client") or gives_token(got):
        yield Finding("GET of the token endpoint", "it reads a token request out of a URL", at=got)
    for name in ("unknown grant", "doubled code", "made-up code", "password"):
        yield from _clean(evidence.exchange(name), name)


def _inside(granted: Exchange) -> float | None:
    """Return the lifetime that a JWT says it has."""
    jwt = Jwt.read(text_member(granted, "access_token") or "")
    return jwt.lifetime if jwt else None


def _too_long(granted: Exchange, where: str, seconds: float) -> Results:
    """The upper bound is RFC 6750's, the lower one this project's."""
    why = f"it is {seconds:.0f} s"
    if seconds > _A_DAY:
        yield Finding(where, f"{why}, more than a day", Severity.HIGH, at=granted)
    elif seconds > _LONGEST:
        yield Finding(where, f"{why}, more than an hour", at=granted)
    elif seconds < _SHORTEST:
        yield Finding(where, f"{why}, less than a quarter of an hour", Severity.INFO, at=granted)


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


def _scopes(granted: Exchange) -> set[str] | None:
    """Return what was granted; None where it is as asked."""
    jwt = Jwt.read(text_member(granted, "access_token") or "")
    inside = (jwt.claims.get("scope", jwt.claims.get("scp")) if jwt else None) or text_member(
        granted, "scope"
    )
    if isinstance(inside, list):
        return {str(each) for each in inside}
    return set(inside.split()) if isinstance(inside, str) else None


def _clean(exchange: Exchange, what: str) -> Results:
    where = f"token request, {what}"
    if exchange.response is None or exchange.status == 429:
        yield NotChecked(f"INCONCLUSIVE: {what}: {exchange.said}")
    elif exchange.status >= 500:
        yield Finding(where, f"it gets {exchange.said}", at=exchange)
    elif error_of(exchange) not in _ERRORS:
        said = printable(error_of(exchange), 60)
        why = f"its error is {said}, which is no registered one" if said else "the answer has no error code"
        yield Finding(where, why, Severity.LOW, at=exchange)
    for leak in leaks_in(exchange):
        yield Finding(where, f"the answer shows {leak}", at=exchange)


RULES: tuple[Rule, ...] = (
    token_responses_are_sound_json,
    access_tokens_are_short_lived,
    codes_and_tokens_cannot_be_guessed,
    jwt_tokens_keep_the_profile,
    tokens_are_for_one_resource,
    no_more_scope_than_asked,
    token_endpoint_is_clean,
)
