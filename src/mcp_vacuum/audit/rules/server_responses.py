"""What an authorization endpoint reads, and what it answers with."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.wire import redirected
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.probe import goes_on
from mcp_vacuum.audit.reaction import (
    Reaction,
    parameters,
    reaction,
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
    rule,
)
from mcp_vacuum.safety.url import printable

_WHERE = "authorization request"
_ISS_FLAG = "authorization_response_iss_parameter_supported"


@rule(
    id="AS-AUTHZ-03",
    title="Missing, duplicate and unknown parameters are handled correctly",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §3.1 and §4.1.1",
        "RFC 6749 §3.1 and §3.1.1",
        "OAuch, SameParameterTwice, UnrecognizedParameter",
    ),
    fix="reject repeats, ignore unknowns",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?client_id=a&client_id=a&…: a login page",
    good="GET /authorize?client_id=a&client_id=a&…: error=invalid_request",
)
def parameters_are_read_with_care(evidence: ActiveEvidence) -> Results:
    """Two values of one parameter are read differently by two programs, and attackers live in between."""
    evidence.must_have_document()
    yield from _doubled(evidence)
    yield from _refused(evidence, "no response_type", "a request without response_type")
    extra, control = evidence.exchange("extra parameters"), evidence.exchange("asked")
    refused = (Reaction.REFUSED, Reaction.ERROR)
    if reaction(extra, evidence.redirect_uri) in refused and goes_on(evidence, control):
        yield Finding(_WHERE, "unknown parameters are not ignored", at=extra)


@rule(
    id="AS-AUTHZ-04",
    title="state is returned exactly",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("RFC 6749 §4.1.2", "OAuth 2.1 §4.1.2"),
    fix="echo state unchanged",
    kinds=(Kind.ACTIVE,),
    bad="state=a%2Bb, back to /callback?state=a+b",
    good="state=a%2Bb, back to /callback?state=a%2Bb",
)
def state_comes_back_unchanged(evidence: ActiveEvidence) -> Results:
    """A client that cannot find its state again has to choose between failing and not checking it."""
    visit = evidence.visit("ladder")
    if visit.one("state") != visit.said("state"):
        how = "missing" if visit.one("state") is None else "another"
        yield Finding("authorization response, state", f"it is {how} in what came back", at=visit.arrived)
    error = evidence.exchange("odd state")
    if reaction(error, evidence.redirect_uri) is Reaction.ERROR and not _same_state(error):
        yield Finding("authorization error response, state", "it is missing or another one", at=error)


@rule(
    id="AS-AUTHZ-05",
    title="iss is present and equals the metadata issuer",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization, Authorization Response Validation",
        "RFC 9207 §2 and §2.3",
        "FAPI 2.0 Security Profile §5.3.2.2-7",
    ),
    fix="implement RFC 9207",
    kinds=(Kind.ACTIVE,),
    bad="back to /callback?code=…&state=…",
    good="back to /callback?code=…&state=…&iss=https%3A%2F%2Fas.example",
)
def responses_say_who_sent_them(evidence: ActiveEvidence) -> Results:
    """With iss a client notices that an answer comes from another server than the one that it asked."""
    document, visit = evidence.must_have_document(), evidence.login("first")
    issuer = document.text("issuer")
    error = _error_response(evidence)
    answers = [("authorization response", visit.one("iss"), visit.arrived)]
    answers += [("authorization error response", _first(error, "iss"), error)] if error else []
    for where, iss, exchange in answers:
        if iss is None:
            only_here = Severity.MEDIUM if exchange is error and visit.one("iss") else None
            yield Finding(f"{where}, iss", "it is missing", only_here, at=exchange)
        elif iss != issuer:
            why = f"it is {printable(iss)}, and the issuer is {printable(issuer or '')}"
            yield Finding(f"{where}, iss", why, Severity.CRITICAL, at=exchange)


@rule(
    id="AS-AUTHZ-06",
    title="iss support flag agrees with behaviour",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Authorization Response Validation", "RFC 9207 §2.3 and §3"),
    fix="set authorization_response_iss_parameter_supported",
    kinds=(Kind.ACTIVE,),
    bad='{"authorization_response_iss_parameter_supported": true}, and back to /callback?code=…&state=…',
    good=(
        '{"authorization_response_iss_parameter_supported": true}, and back to /callback?code=…&state=…&iss=…'
    ),
)
def iss_flag_is_true(evidence: ActiveEvidence) -> Results:
    """A client must refuse an answer without a promised iss; what is not promised it need not look at."""
    document, visit = evidence.must_have_document(), evidence.login("first")
    stated = evidence.stated(_ISS_FLAG) is True
    where = f"{document.url}, {_ISS_FLAG}"
    if visit.one("iss") is not None and not stated:
        yield Finding(where, "it is not true, and iss comes", at=visit.arrived)
    elif visit.one("iss") is None and stated:
        yield Finding(where, "it is true, and no iss comes", Severity.HIGH, at=visit.arrived)


@rule(
    id="AS-AUTHZ-08",
    title="Credential-bearing redirects do not use 307",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.5.4", "RFC 9700 §4.12"),
    fix="use 303",
    kinds=(Kind.ACTIVE,),
    bad="POST /login: 307 to the client, and the browser sends the password there",
    good="POST /login: 303 to the client",
)
def credentials_are_not_repeated(evidence: ActiveEvidence) -> Results:
    """After 307 a browser sends the form again, to the client: with the password that was typed into it."""
    evidence.login("first")
    came = [visit for visit in evidence.visits.values() if visit.arrived]
    if not any(visit.verb for visit in came):
        raise inconclusive("the address was pasted, so how the browser got there was not seen")
    for visit in came:
        if visit.verb == "POST":
            why = "the browser came back by POST, as after 307 or 308: what was typed in came along"
            yield Finding("redirect to the client", why, at=visit.arrived)
            return


def _doubled(evidence: ActiveEvidence) -> Results:
    """Judge the parameters that came twice, those that were taken in one finding."""
    taken: list[Exchange] = []
    for name in [each for each in evidence.seen if each.startswith("doubled ") and each != "doubled code"]:
        if goes_on(evidence, evidence.seen[name]):
            taken.append(evidence.seen[name])
        else:
            yield from _refused(evidence, name, f"{name.removeprefix('doubled ')} twice")
    which = ", ".join(each.purpose.removesuffix(" twice") for each in taken)
    brought = any(reaction(each, evidence.redirect_uri) is Reaction.CODE for each in taken)
    if taken and not brought and _asks_first(evidence):
        yield NotChecked(
            f"INCONCLUSIVE: what comes twice ({which}): a person is asked before anything is read"
        )
    elif taken:
        how = "and brings a code" if brought else "and a person is asked"
        why = f"what comes twice is no reason to refuse, {how}: {which}"
        yield Finding(_WHERE, why, certain=brought, at=taken[0])


def _asks_first(evidence: ActiveEvidence) -> bool:
    """Say whether a person is asked even where the request makes no sense at all."""
    return goes_on(evidence, evidence.exchange("no response_type"))


def _refused(evidence: ActiveEvidence, name: str, what: str) -> Results:
    """Going on to ask a person is no proof that the request will be served."""
    exchange = evidence.exchange(name)
    went = reaction(exchange, evidence.redirect_uri)
    if went is Reaction.CODE:
        yield Finding(_WHERE, f"{what} brings a code", at=exchange)
    elif went is Reaction.ASKS:
        yield NotChecked(f"INCONCLUSIVE: {what}: a person is asked first")
    elif went is Reaction.UNCLEAR:
        yield NotChecked(f"INCONCLUSIVE: {what}: {exchange.said}")
    elif not goes_on(evidence, evidence.exchange("asked")):
        yield NotChecked(f"INCONCLUSIVE: {what}: refused, but so was the sound request")


def _same_state(exchange: Exchange) -> bool:
    """Compare the state of a request with the one that its redirect carries."""
    return _first(exchange, "state") == next(iter(parameters(exchange.url).get("state", ())), None)


def _first(exchange: Exchange, name: str) -> str | None:
    """Return a parameter of the redirect in an answer."""
    return next(iter(parameters(redirected(exchange) or "").get(name, ())), None)


def _error_response(evidence: ActiveEvidence) -> Exchange | None:
    """Return an answer that sends an error to the client, if there is one."""
    names = ("odd state", "no response_type", "no challenge", "foreign resource")
    found = (evidence.seen[name] for name in names if name in evidence.seen)
    return next((each for each in found if reaction(each, evidence.redirect_uri) is Reaction.ERROR), None)


RULES: tuple[Rule, ...] = (
    parameters_are_read_with_care,
    state_comes_back_unchanged,
    responses_say_who_sent_them,
    iss_flag_is_true,
    credentials_are_not_repeated,
)
