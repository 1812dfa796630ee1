"""What a client does with an access token: to whom it goes, of what type it is, and ID tokens beside it."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import ClientEvidence, Run, sent_header
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.marks import ID_TOKEN_NAME, UNSIGNED
from mcp_vacuum.audit.provoked import finding, must_refuse, not_run
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule


@rule(
    id="CL-TOK-02",
    title="Token never leaves the origin it was issued for",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 9700 §4.9.1", "MCP authorization, Token Handling"),
    fix="do not follow cross-origin redirects with credentials",
    kinds=(Kind.CLIENT,),
    bad="307 to https://other.example/mcp, where the client sends Authorization: Bearer …",
    good="the redirect is refused, or followed without the token",
)
def token_stays_at_its_origin(evidence: ClientEvidence) -> Results:
    """A redirect is the server's word, and must not decide who gets the token."""
    yield from must_refuse(
        evidence,
        *(f"LAB-22/{status}" for status in (301, 302, 307, 308)),
        met=_called,
        crossed=_token_at_the_other,
        why="the client sends the token there",
    )
    for run in evidence.of("LAB-22/sse"):
        for each in _token_at_the_other(run)[:1]:
            yield finding(run, f"{run.what}; then the client sends the token there", each)


def _called(run: Run) -> tuple[Exchange, ...]:
    return run.authorized_calls


def _token_at_the_other(run: Run) -> tuple[Exchange, ...]:
    there = (*run.at_origin_of(run.places[1].mcp_url), *run.at_origin_of(run.places[1].issuer))
    return tuple(each for each in run.carrying(run.place.access_tokens) if each in there)


@rule(
    id="CL-TOK-03",
    title="Sends only access tokens issued by that server's AS",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=("MCP authorization, Token Handling", "RFC 9068 §2.1 (typ against ID token confusion)"),
    fix="key tokens by resource and issuer",
    kinds=(Kind.CLIENT,),
    bad="the token of server A is sent to server B, or an ID token in its place",
    good="each server gets the access token that its own authorization server issued for it",
)
def only_own_tokens_are_sent(evidence: ClientEvidence) -> Results:
    """A server that gets another's token can use it there."""
    yield from must_refuse(
        evidence,
        "LAB-20/id-token",
        met=_got_token,
        crossed=lambda run: run.carrying([UNSIGNED]),
        why="the client sends the ID token to a server",
    )
    yield from must_refuse(
        evidence,
        "LAB-20/two",
        met=lambda run: run.at_origin_of(run.places[1].mcp_url),
        crossed=_crossed_over,
        why="a token of one of them arrives at the other",
    )


def _got_token(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.redemptions if each.status == 200)


def _crossed_over(run: Run) -> tuple[Exchange, ...]:
    one, other = run.places
    at_one = (*run.at_origin_of(one.mcp_url), *run.at_origin_of(one.issuer))
    back = [each for each in run.carrying(other.access_tokens) if each in at_one]
    return (*_token_at_the_other(run), *back)


@rule(
    id="CL-TOK-05",
    title="Checks token_type and refuses types it does not understand",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=("RFC 6749 §7.1", "OAuth 2.1 §3.2.3", "RFC 9449 §5"),
    fix="switch on token_type case-insensitively",
    kinds=(Kind.CLIENT,),
    bad='{"access_token": "…", "token_type": "mac"} is used as a bearer token',
    good="the token is not used, and the login fails",
)
def token_type_is_checked(evidence: ClientEvidence) -> Results:
    """A token of another type, sent as a bearer token, is given away without the protection it has."""
    names = ("LAB-20/n-a", "LAB-20/mac", "LAB-20/untyped")
    why = "the client uses it as a bearer token"
    yield from must_refuse(evidence, *names, met=_got_token, crossed=_called, why=why)
    yield from not_run(evidence, "LAB-20/upper-case")
    for run in evidence.of("LAB-20/upper-case"):
        if _got_token(run) and not run.authorized_calls and not evidence.uncontrolled:
            why = f"{run.what}; the client does not use it, though case does not matter"
            yield finding(run, why, _got_token(run)[-1], Severity.LOW)
    for run in evidence.of("LAB-20/dpop-lost"):
        proved = any(sent_header(each, "dpop") for each in run.redemptions)
        if proved and run.authorized_calls:
            why = f"{run.what}; then the client goes on without DPoP"
            yield finding(run, why, run.authorized_calls[0], Severity.HIGH)


@rule(
    id="CL-OIDC-01",
    title="Validates any ID token it relies on",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OpenID Connect Core §3.1.3.7", "RFC 9207 §2.4", "RFC 8725 §3.1 and §3.9"),
    fix="full ID token validation or ignore it",
    kinds=(Kind.CLIENT,),
    bad='{"alg": "none"}.{"name": "Eve"}. and the client greets Eve',
    good="signature, iss, aud, nonce and exp are checked, or the ID token is ignored",
)
def id_tokens_are_not_believed(evidence: ClientEvidence) -> Results:
    """An ID token that is not checked says whatever an attacker wants it to say."""
    asked = [ask for _, ask in evidence.asks if "openid" in ask.get("scope").split()]
    for run in evidence.of("LAB-20/id-token"):
        if ID_TOKEN_NAME in run.output or run.carrying([ID_TOKEN_NAME]):
            why = f"{run.what}; then the client uses the name that is in it"
            yield finding(run, why, next(iter(_got_token(run)), None))
            return
    if not asked:
        yield NotChecked("NOT_APPLICABLE: the client asks for no ID token, and shows nothing of one")
    else:
        yield NotChecked("INCONCLUSIVE: the client asks for an ID token; what it believes of it is not seen")


RULES: tuple[Rule, ...] = (
    token_stays_at_its_origin,
    only_own_tokens_are_sent,
    token_type_is_checked,
    id_tokens_are_not_believed,
)
