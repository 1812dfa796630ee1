"""Whose answer it is: `iss`, and mix-up of two servers (RFC 9207)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.marks import FORGED_ERROR, FORGED_LINE, STRANGER
from mcp_vacuum.audit.provoked import answered, finding, must_refuse, not_run, redeemed
from mcp_vacuum.audit.rule import Kind, Level, Results, Rule, Severity, rule

_REDEEMS = "the client redeems the code"
_VALIDATION = "MCP authorization, Authorization Response Validation"


@rule(
    id="CL-ISS-01",
    title="Records the validated issuer per request before redirecting",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(_VALIDATION, "OAuth 2.1 §7.14", "RFC 9700 §4.4.2"),
    fix="one transaction record keyed by state",
    kinds=(Kind.CLIENT,),
    bad="the answer's iss is compared with the issuer that the metadata names by then",
    good="the answer's iss is compared with the issuer that was recorded beside the state",
)
def issuer_is_recorded(evidence: ClientEvidence) -> Results:
    """Metadata read after the browser was sent away may be another server's, and then fits any answer."""
    yield from must_refuse(evidence, "LAB-16/late", met=answered, crossed=redeemed, why=_REDEEMS)


@rule(
    id="CL-ISS-02",
    title="Rejects any iss that differs from the recorded issuer",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(_VALIDATION, "RFC 9207 §2.4"),
    fix="compare before any use of code, whatever the metadata says",
    kinds=(Kind.CLIENT,),
    bad="GET /callback?code=…&state=…&iss=https://attacker.example is redeemed",
    good="the answer is thrown away, and no token request is sent",
)
def wrong_iss_is_rejected(evidence: ClientEvidence) -> Results:
    """An answer of another server carries a code that this server must not get."""
    names = ("LAB-14/wrong", "LAB-14/wrong-false", "LAB-14/wrong-absent")
    yield from must_refuse(evidence, *names, met=answered, crossed=redeemed, why=_REDEEMS)


@rule(
    id="CL-ISS-03",
    title="Missing iss: reject if advertised, otherwise proceed",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(f"{_VALIDATION} (table)", "RFC 9207 §2.4"),
    fix="implement the four-row table",
    kinds=(Kind.CLIENT,),
    bad="the metadata promises iss, the answer has none, and its code is redeemed",
    good="it is refused; where nothing was promised, the login goes on",
)
def missing_iss_is_rejected(evidence: ClientEvidence) -> Results:
    """Where a server promises iss, an answer without it may be another server's."""
    yield from must_refuse(evidence, "LAB-14/missing", met=answered, crossed=redeemed, why=_REDEEMS)
    yield from not_run(evidence, "LAB-14/unpromised")
    for run in evidence.of("LAB-14/unpromised"):
        if answered(run) and not run.redemptions and not evidence.uncontrolled:
            why = f"{run.what}; the client refuses this good answer"
            yield finding(run, why, run.asks[-1], Severity.LOW)


@rule(
    id="CL-ISS-04",
    title="Compares iss without URL normalisation",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=(_VALIDATION, "RFC 9207 §2.4", "RFC 3986 §6.2.1"),
    fix="plain string equality after one form-decode",
    kinds=(Kind.CLIENT,),
    bad="iss=HTTPS://as.example/ is taken for https://as.example",
    good="the two strings are compared as they are",
)
def iss_is_not_normalised(evidence: ClientEvidence) -> Results:
    """Two URLs that look alike to a parser may be two servers."""
    names = ("LAB-14/case", "LAB-14/slash", "LAB-14/percent")
    yield from must_refuse(evidence, *names, met=answered, crossed=redeemed, why=_REDEEMS)


@rule(
    id="CL-ISS-05",
    title="Ignores error details of responses with wrong iss",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=(_VALIDATION, "RFC 9207 §2.4"),
    fix="check iss first, then show a generic message",
    kinds=(Kind.CLIENT,),
    bad="login failed: forged words of another server",
    good="login failed: the answer came from another server",
)
def foreign_error_is_ignored(evidence: ClientEvidence) -> Results:
    """The words of a server that nobody asked are an attacker's way to talk to the person."""
    yield from must_refuse(
        evidence,
        "LAB-15/stranger",
        met=answered,
        crossed=_shows_the_error,
        why="the client prints the error, or shows it on its page",
    )
    for run in evidence.of("LAB-15/stranger"):
        if len(run.asks) > 1:
            yield finding(run, f"{run.what}; then the client asks once more", run.asks[1])


def _shows_the_error(run: Run) -> tuple[Ask, ...]:
    shown = (run.output, *(each.body for each in run.answers))
    words = (FORGED_ERROR, FORGED_LINE, f"{STRANGER}/help")
    return run.asks[:1] if any(word in text for word in words for text in shown) else ()


@rule(
    id="CL-ISS-06",
    title="Rejects repeated response parameters",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.1", "OAuch, AuthEndpoint/CodePollution", "RFC 9207 §4"),
    fix="fail on any duplicate of code, state, iss, error",
    kinds=(Kind.CLIENT,),
    bad="GET /callback?code=one&code=two&state=… is redeemed",
    good="the answer is thrown away, and no token request is sent",
)
def repeated_parameters_are_rejected(evidence: ClientEvidence) -> Results:
    """Which of two values counts is a guess, and one of them may be an attacker's."""
    kinds = ("two-codes", "two-codes-turned", "two-states", "two-iss", "two-iss-turned")
    names = tuple(f"LAB-14/{kind}" for kind in kinds)
    yield from must_refuse(evidence, *names, met=answered, crossed=redeemed, why=_REDEEMS)


@rule(
    id="CL-ISS-07",
    title="Survives a full mix-up attack between two servers",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "OAuth 2.1 §2.3.4 and §7.14",
        "RFC 9700 §4.4.1",
        "MCP authorization security considerations, Mix-Up Attacks",
    ),
    fix="iss check plus issuer-bound token endpoint",
    kinds=(Kind.CLIENT,),
    bad="the code of the honest server arrives at the attacker's token endpoint",
    good="iss names the honest server, the attacker was recorded, and the login ends",
)
def mix_up_fails(evidence: ClientEvidence) -> Results:
    """Who gets code and verifier of an honest server can log in there as its user."""
    yield from must_refuse(
        evidence,
        "LAB-16/mix-up",
        "LAB-16/endpoint",
        met=_answered_by_the_other,
        crossed=_gave_away,
        why="the code of the honest server arrives at the attacker",
    )


def _answered_by_the_other(run: Run) -> tuple[Ask, ...]:
    return answered(run) if run.places[1].codes else ()


def _gave_away(run: Run) -> tuple[Exchange, ...]:
    attacker = (*run.at_origin_of(run.place.issuer), *run.at_origin_of(run.place.mcp_url))
    codes = run.places[1].codes
    return tuple(each for each in run.carrying(codes) if each in attacker)


RULES: tuple[Rule, ...] = (
    issuer_is_recorded,
    wrong_iss_is_rejected,
    missing_iss_is_rejected,
    iss_is_not_normalised,
    foreign_error_is_ignored,
    repeated_parameters_are_rejected,
    mix_up_fails,
)
