"""The negative probe: a request that must be refused, and the same request without its defect.

A refusal counts only where the request without the defect succeeded in the same session; otherwise the
server may have refused for another reason, or refuses everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import Reaction, reaction
from mcp_vacuum.audit.rule import Finding, NotChecked, Results, Severity, inconclusive

Accepts = Callable[[Exchange], bool]
"""Whether a server took the request: a pure look at its answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request with one defect.

    Attributes:
        defect: What is wrong with it, such as ``a verifier that does not belong to the challenge``.
        answer: What became of it.
        control: The same request without the defect; None if it was not sent.
    """

    defect: str
    answer: Exchange
    control: Exchange | None


def must_be_refused(probe: Probe, accepted: Accepts, severity: Severity | None = None) -> Results:
    """Judge a negative probe: a finding if accepted, nothing if refused with its control working.

    Timeouts, 5xx, 429, pages for people, and a missing or failed control are INCONCLUSIVE.
    """
    answer = probe.answer
    if answer.response is None:
        yield NotChecked(f"INCONCLUSIVE: {probe.defect}: {answer.failure}")
    elif accepted(answer):
        where = f"{answer.method} {answer.url}"
        yield Finding(where, f"{probe.defect} was accepted", severity, at=answer)
    elif answer.status >= 500 or answer.status == 429:
        yield NotChecked(f"INCONCLUSIVE: {probe.defect}: answered with {answer.said}")
    elif answer.status < 300 and answer.media_type == "text/html":
        yield NotChecked(f"INCONCLUSIVE: {probe.defect}: answered with a page for a person")
    elif probe.control is None or not accepted(probe.control):
        yield NotChecked(f"INCONCLUSIVE: {probe.defect}: refused, but so was the request without it")


def tried(
    evidence: ActiveEvidence,
    name: str,
    defect: str,
    accepted: Accepts,
    control: Exchange | None,
    severity: Severity | None = None,
) -> Results:
    """Judge a negative probe by its name; say why, if it was not sent."""
    if name in evidence.seen:
        yield from must_be_refused(Probe(defect, evidence.seen[name], control), accepted, severity)
    else:
        yield from evidence.not_seen(name, defect)


def goes_on(evidence: ActiveEvidence, exchange: Exchange, redirect_uri: str = "") -> bool:
    """Say whether the authorization endpoint took a request: it asks a person, or gives a code at once."""
    went = reaction(exchange, redirect_uri or evidence.redirect_uri)
    return went in (Reaction.ASKS, Reaction.CODE)


def issued(evidence: ActiveEvidence, name: str, control: str = "asked") -> Exchange | None:
    """Return what shows that a defective authorization request brought a code; None if it is refused.

    Where a person was asked first, a login with the same defect decides. `control` names the request without
    the defect.

    Raises:
        CannotTell: Nobody logged in to see, or the sound request is refused too.
    """
    evidence.must_have_document()
    exchange, sound = evidence.exchange(name), evidence.exchange(control)
    went = reaction(exchange, evidence.redirect_uri)
    if went is Reaction.UNCLEAR:
        raise inconclusive(f"{exchange.purpose}: {exchange.said}, which tells nothing")
    if went in (Reaction.REFUSED, Reaction.ERROR):
        if not goes_on(evidence, sound):
            raise inconclusive(f"{exchange.purpose}: refused, but so was the request without the defect")
        return None
    visit = evidence.visit(name)
    return visit.arrived if visit.one("code") else None
