"""The negative probe: a request that must be refused, and the same request without its defect.

A refusal counts only where the request without the defect succeeded in the same session; otherwise the
server may have refused for another reason, or refuses everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Finding, NotChecked, Results, Severity

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
