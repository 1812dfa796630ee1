"""Grants that must not be served, and authorization codes."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_authorize import LEGACY_TYPES
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.probe import tried
from mcp_vacuum.audit.reaction import (
    Reaction,
    error_of,
    gives_token,
    is_served,
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
    inconclusive,
    not_applicable,
    rule,
)
from mcp_vacuum.safety.url import printable


@rule(
    id="AS-GRANT-01",
    title="Implicit, hybrid-token and password grants are refused",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("RFC 9700 §2.4 and §2.1.2", "OAuth 2.1 §10 and §10.1", "OAuch, IsPasswordFlowDisabled"),
    fix="disable legacy grants",
    kinds=(Kind.ACTIVE,),
    bad="POST /token grant_type=password: 400, invalid_grant",
    good="POST /token grant_type=password: 400, unsupported_grant_type",
)
def legacy_grants_are_refused(evidence: ActiveEvidence) -> Results:
    """Tokens in a URL leak, and the password grant teaches people to type passwords into clients."""
    evidence.must_have_document()
    for kind in LEGACY_TYPES:
        yield from _type(evidence, kind)
    exchange, unknown = evidence.exchange("password"), evidence.exchange("unknown grant")
    error = error_of(exchange)
    if gives_token(exchange):
        yield Finding(
            "token request, grant_type=password", "it brings a token", Severity.CRITICAL, at=exchange
        )
    elif error == "invalid_grant":
        why = "the name and the password are looked at, as invalid_grant says"
        yield Finding("token request, grant_type=password", why, at=exchange)
    elif error not in ("unsupported_grant_type", "unauthorized_client", error_of(unknown)):
        said = printable(error, 60) or exchange.said
        yield NotChecked(f"INCONCLUSIVE: the password grant: {said}")


@rule(
    id="AS-CODE-01",
    title="Authorization code works once, also under concurrency",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §4.1.3",
        "RFC 6749 §4.1.2 and §10.5",
        "OAuch, MultipleCodeExchanges, SingleFastACExchange",
    ),
    fix="atomic consume of the code",
    kinds=(Kind.ACTIVE,),
    bad="ten redemptions of one code at once: 200 twice",
    good="ten redemptions of one code at once: 200 once, 400 nine times",
)
def a_code_works_once(evidence: ActiveEvidence) -> Results:
    """A code that works twice is worth stealing even after the client has used it."""
    evidence.must_have_token()
    evidence.visit("replayed")
    tries = [each for name, each in evidence.seen.items() if name.startswith("at once ")]
    again = evidence.exchange("replayed")
    given = [each for each in (*tries, again) if gives_token(each)]
    if len(given) > 1:
        how = "once more afterwards" if again in given else "at the same time"
        why = f"one code brought {len(given)} tokens, when it was redeemed {how}"
        yield Finding("token request, code", why, at=given[1])
    elif not given:
        raise inconclusive("no redemption of that code brought a token")
    elif unclear := [each.said for each in (*tries, again) if each.response is None or each.status >= 500]:
        raise inconclusive(f"some redemptions got no proper answer: {unclear[0]}")


@rule(
    id="AS-CODE-02",
    title="Code reuse revokes tokens already issued from it",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.1.3 and §7.5.3", "RFC 6749 §4.1.2", "OAuch, TokenValidAfterMultiExchange"),
    fix="revoke the grant on valid replay",
    kinds=(Kind.ACTIVE,),
    bad="the code is redeemed a second time: 400, and the first token still works",
    good="the code is redeemed a second time: 400, and the first token gets 401",
)
def replay_ends_the_grant(evidence: ActiveEvidence) -> Results:
    """A second redemption means that the code was stolen: the thief may be the one who came first."""
    evidence.must_have_token()
    evidence.visit("replayed")
    first = evidence.exchange("granted once")
    if gives_token(evidence.exchange("replayed")):
        raise not_applicable("the replay is taken; see AS-CODE-01")
    if not is_served(evidence.exchange("used")):
        raise inconclusive("the server takes no token of ours, so it tells nothing about this one")
    used, refreshed = evidence.exchange("after replay"), evidence.seen.get("refreshed after replay")
    if refreshed is not None and gives_token(refreshed):
        yield Finding("code, used twice", "the refresh token that it brought still works", at=refreshed)
    if is_served(used):
        lasting = Jwt.read(text_member(first, "access_token") or "") is not None
        why = "the access token that it brought still works"
        yield Finding("code, used twice", why, Severity.LOW if lasting else Severity.MEDIUM, at=used)


@rule(
    id="AS-CODE-03",
    title="Code expires within ten minutes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §4.1.2", "RFC 6749 §4.1.2", "FAPI 2.0 Security Profile §5.3.2.1-11 (60 s)"),
    fix="shorten code lifetime",
    kinds=(Kind.ACTIVE,),
    bad="POST /token with a code of ten and a half minutes: 200 and a token",
    good="POST /token with a code of ten and a half minutes: 400, invalid_grant",
)
def a_code_expires(evidence: ActiveEvidence) -> Results:
    """A code lies in histories and logs: the longer it works, the more of them are worth reading.

    It is tried with `--patient` only, which holds a code of its own for ten and a half minutes.
    """
    control = evidence.must_have_token()
    yield from tried(evidence, "held", "a code of ten and a half minutes", gives_token, control)


@rule(
    id="AS-CODE-04",
    title="Code is bound to client and redirect_uri",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §4.1.3 and §10.2",
        "RFC 6749 §4.1.3",
        "OAuch, IsCodeBoundToClient, RedirectUriChecked",
    ),
    fix="bind code to client and URI",
    kinds=(Kind.ACTIVE,),
    bad="POST /token with another client's code: 200 and a token",
    good="POST /token with another client's code: 400, invalid_grant",
)
def a_code_belongs_to_its_client(evidence: ActiveEvidence) -> Results:
    """A code that any client can redeem is as good as a token to whoever sees it."""
    control = evidence.must_have_token()
    yield from tried(evidence, "other client", "the code of another client", gives_token, control)
    yield from tried(evidence, "wrong redirect_uri", "another redirect_uri", gives_token, control)


def _type(evidence: ActiveEvidence, kind: str) -> Results:
    """A response type that brings a token through the browser."""
    exchange, where = (
        evidence.exchange(f"response_type {kind}"),
        f"authorization request, response_type={kind}",
    )
    went = reaction(exchange, evidence.redirect_uri)
    if went is Reaction.CODE:
        yield Finding(where, "it brings a token through the browser", at=exchange)
    elif went is Reaction.ASKS:
        control = evidence.exchange("no response_type")
        if reaction(control, evidence.redirect_uri) in (Reaction.ERROR, Reaction.REFUSED):
            yield Finding(where, "it is no reason to refuse: a person is asked", certain=False, at=exchange)
        else:
            yield NotChecked(f"INCONCLUSIVE: response_type={kind}: a person is asked first")
    elif went is Reaction.UNCLEAR:
        yield NotChecked(f"INCONCLUSIVE: response_type={kind}: {exchange.said}")


RULES: tuple[Rule, ...] = (
    legacy_grants_are_refused,
    a_code_works_once,
    replay_ends_the_grant,
    a_code_expires,
    a_code_belongs_to_its_client,
)
