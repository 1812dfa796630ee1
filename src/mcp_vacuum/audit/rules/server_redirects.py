"""Where an authorization endpoint sends people: to the registered redirect URI, with its own answer."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import FOREIGN, ActiveEvidence
from mcp_vacuum.audit.evidence.active_authorize import EXTRA, mutations
from mcp_vacuum.audit.probe import goes_on
from mcp_vacuum.audit.reaction import (
    Reaction,
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
    not_applicable,
    rule,
)
from mcp_vacuum.safety.url import printable

_WHERE = "authorization request, redirect_uri"


@rule(
    id="AS-AUTHZ-01",
    title="Unregistered redirect_uri never receives a redirect",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §2.3.5",
        "RFC 6749 §3.1.2.4",
        "MCP authorization security considerations, Open Redirection",
    ),
    fix="validate redirect_uri before any redirect",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?redirect_uri=https://auditor.invalid/cb: 302 to https://auditor.invalid/cb?error=…",
    good="GET /authorize?redirect_uri=https://auditor.invalid/cb: 400 and a page",
)
def unregistered_uri_gets_nothing(evidence: ActiveEvidence) -> Results:
    """Who may name any redirect URI gets other people's codes, or sends people anywhere in this name."""
    evidence.must_have_document()
    for name, what in (
        ("foreign redirect", "a redirect URI that is not registered"),
        ("foreign client", "an unknown client"),
    ):
        exchange = evidence.exchange(name)
        went = reaction(exchange, FOREIGN)
        if went in (Reaction.CODE, Reaction.ERROR):
            yield Finding(_WHERE, f"{what} is redirected to", at=exchange)
        elif went is Reaction.REFUSED:
            yield from _control(evidence, what)
        elif went is Reaction.UNCLEAR or name == "foreign client":
            yield NotChecked(f"INCONCLUSIVE: {what}: {went.value}")
        else:
            yield from _arrived(evidence, name, what)


@rule(
    id="AS-AUTHZ-02",
    title="redirect_uri matching is exact except loopback port",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization security considerations, Open Redirection",
        "OAuth 2.1 §2.3.1 and §4.1.1",
        "RFC 9700 §2.1 and §4.1.3",
        "RFC 8252 §7.3",
    ),
    fix="simple string comparison",
    kinds=(Kind.ACTIVE,),
    bad=(
        "registered http://127.0.0.1:8123/callback; GET /authorize?redirect_uri=http://127.0.0.1:8123/"
        "callback/more: a login page, then a code"
    ),
    good="the same: 400 and a page",
)
def redirect_uris_are_compared_exactly(evidence: ActiveEvidence) -> Results:
    """Every liberty in the comparison is a place where codes go that the client does not control."""
    evidence.must_have_document()
    for what, uri in mutations(evidence.redirect_uri).items():
        exchange = evidence.exchange(f"redirect: {what}")
        went = reaction(exchange, uri)
        if went in (Reaction.CODE, Reaction.ERROR):
            yield Finding(_WHERE, f"a redirect URI with {what} is redirected to", at=exchange)
        elif went is Reaction.UNCLEAR:
            yield NotChecked(f"INCONCLUSIVE: a redirect URI with {what}: {went.value}")
        elif went is Reaction.REFUSED:
            yield from _control(evidence, f"a redirect URI with {what}")
        else:
            yield from _mutated(evidence, what, uri)
    yield from _port(evidence)


@rule(
    id="AS-AUTHZ-07",
    title="Response cannot be polluted through redirect_uri or parameters",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.11", "OAuch, CodePollution, RedirectUriConfusion"),
    fix="build response from a clean URI",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?…&code=x: back to /callback?code=x&code=SplxlO…",
    good="GET /authorize?…&code=x: back to /callback?code=SplxlO…&state=…&iss=…",
)
def response_is_not_polluted(evidence: ActiveEvidence) -> Results:
    """A client that reads the wrong one of two codes redeems an attacker's, or believes another issuer."""
    came = [visit for visit in evidence.visits.values() if visit.one("code")]
    for visit in came:
        doubled = [name for name in ("code", "state", "iss") if len(visit.answer.get(name, ())) > 1]
        foreign = [name for name, value in EXTRA if value != "1" and value in visit.answer.get(name, ())]
        for name in dict.fromkeys([*doubled, *foreign]):
            why = "it comes back twice" if name in doubled else "the request's own value comes back"
            yield Finding(f"authorization response, {name}", why, at=visit.arrived)
            return
    if not any(visit.said("audit_unknown") for visit in came):
        evidence.visit("ladder")
        raise inconclusive("no login with unknown parameters brought a code")


@rule(
    id="AS-AUTHZ-13",
    title="Attacker-registered clients cannot use it as open redirector",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "OAuth 2.1 §7.12.2",
        "RFC 9700 §4.11.2",
        "MCP authorization security considerations, Open Redirection",
    ),
    fix="authenticate or warn before redirecting",
    kinds=(Kind.ACTIVE,),
    bad="GET /authorize?client_id=(registered by anybody)&scope=bad: 302 to https://attacker.example at once",
    good="GET /authorize?client_id=(registered by anybody)&scope=bad: a page that asks first",
)
def nobody_is_forwarded(evidence: ActiveEvidence) -> Results:
    """Anybody can register a client; a link to this server must not lead to their site without a question."""
    evidence.must_have_document()
    if "forwarded scope" not in evidence.seen:
        raise not_applicable("no client could be registered whose redirect URI is on another host")
    for name, what in (
        ("forwarded scope", "an invalid scope"),
        ("forwarded type", "an invalid response_type"),
    ):
        exchange = evidence.exchange(name)
        if reaction(exchange, FOREIGN) in (Reaction.CODE, Reaction.ERROR):
            why = f"{what} is answered by a redirect to a host that anybody can register, before any login"
            yield Finding("authorization request, redirect_uri", why, at=exchange)
        elif exchange.response is None or exchange.status >= 500 or exchange.status == 429:
            yield NotChecked(f"INCONCLUSIVE: {what}: {exchange.said}")


def _control(evidence: ActiveEvidence, what: str) -> Results:
    """A refusal counts where the sound request is taken."""
    if not goes_on(evidence, evidence.exchange("asked")):
        yield NotChecked(f"INCONCLUSIVE: {what}: refused, but so was the registered one")


def _arrived(evidence: ActiveEvidence, name: str, what: str) -> Results:
    """A page is shown: a login decides."""
    visit = evidence.visit(name)
    uri = visit.said("redirect_uri") or ""
    yield Finding(_WHERE, f"{what} is redirected to, after a login: {printable(uri)}", at=visit.arrived)


def _mutated(evidence: ActiveEvidence, what: str, uri: str) -> Results:
    visit = evidence.visits.get("mutated redirect")
    if visit is None or visit.said("redirect_uri") != uri:
        yield NotChecked(f"INCONCLUSIVE: a redirect URI with {what}: a person is asked, and no login decided")
    elif visit.arrived is None:
        yield NotChecked(f"INCONCLUSIVE: a redirect URI with {what}: {visit.failure}")
    else:
        yield Finding(_WHERE, f"a redirect URI with {what} is redirected to, after a login", at=visit.arrived)


def _port(evidence: ActiveEvidence) -> Results:
    """A native app cannot know its port beforehand (RFC 8252 §7.3)."""
    exchange = evidence.seen.get("redirect: another port")
    if exchange is None or not goes_on(evidence, evidence.exchange("asked")):
        return
    if reaction(exchange, evidence.redirect_uri) is Reaction.REFUSED:
        why = "another port on 127.0.0.1 is refused, which native apps need"
        yield Finding(_WHERE, why, Severity.LOW, at=exchange)


RULES: tuple[Rule, ...] = (
    unregistered_uri_gets_nothing,
    redirect_uris_are_compared_exactly,
    response_is_not_polluted,
    nobody_is_forwarded,
)
