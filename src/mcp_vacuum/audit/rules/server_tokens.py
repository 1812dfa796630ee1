"""Access tokens as an authorization server issues them."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.guess import ENOUGH, TOLERABLE_BITS, WANTED_BITS, bits_of, samples_of
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.leaks import leaks_in
from mcp_vacuum.audit.reaction import (
    error_of,
    gives_token,
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
from mcp_vacuum.audit.rules import server_token_content
from mcp_vacuum.safety.url import printable

_LONGEST, _A_DAY, _SHORTEST = 3600, 86400, 900
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
    server_token_content.jwt_tokens_keep_the_profile,
    server_token_content.tokens_are_for_one_resource,
    no_more_scope_than_asked,
    token_endpoint_is_clean,
)
