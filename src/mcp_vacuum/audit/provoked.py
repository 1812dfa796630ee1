"""How a client is judged that must refuse something: a refusal counts only if the client was provoked.

It was, if the control LAB-00 worked and the client in this scenario came as far as the misbehaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run, first, form_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Finding, NotChecked, Results, Severity

Look = Callable[[Run], Iterable[Exchange | Ask]]
"""What of a run counts; a pure look at it."""


def must_refuse(
    evidence: ClientEvidence,
    *names: str,
    met: Look,
    crossed: Look,
    why: str,
    severity: Mapping[str, Severity] = MappingProxyType({}),
) -> Results:
    """Judge the runs of scenarios that a client must refuse to go along with.

    Args:
        evidence: All runs.
        names: The scenarios, by family or by full name.
        met: What shows that the client met the misbehaviour.
        crossed: What it must not do then; the first of it is the finding.
        why: What that is, in words that follow "then".
        severity: Of a finding, by variant, where it is not the rule's own.
    """
    yield from not_run(evidence, *names)
    for run in evidence.of(*names):
        wrong = next(iter(crossed(run)), None)
        if wrong is not None:
            yield finding(run, f"{run.what}; then {why}", wrong, severity.get(run.variant))
        elif evidence.uncontrolled:
            yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled}")
        elif not tuple(met(run)):
            yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")


def must_do(
    evidence: ClientEvidence,
    *names: str,
    met: Look,
    done: Look,
    why: str,
    severity: Severity | None = None,
) -> Results:
    """Judge the runs of scenarios in which a client must do something.

    Args:
        evidence: All runs.
        names: The scenarios, by family or by full name.
        met: What shows that the client came as far as the point where it has to.
        done: What shows that it did.
        why: What is missing otherwise, in words that follow "but".
        severity: Of a finding, where it is not the rule's own.
    """
    yield from not_run(evidence, *names)
    for run in evidence.of(*names):
        seen = tuple(met(run))
        if tuple(done(run)):
            continue
        if evidence.uncontrolled:
            yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled}")
        elif not seen:
            yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")
        else:
            yield finding(run, f"{run.what}, but {why}", seen[-1], severity)


def not_run(evidence: ClientEvidence, *names: str) -> Results:
    """Say which of these scenarios were not run, by family or by full name."""
    if missing := evidence.missing(*names):
        yield NotChecked(f"INCONCLUSIVE: not run: {', '.join(missing)}")


def finding(
    run: Run,
    why: str,
    at: Exchange | Ask | None = None,
    severity: Severity | None = None,
    *,
    certain: bool = True,
) -> Finding:
    """Return a finding in a run."""
    shown = at.at if isinstance(at, Ask) else at
    return Finding(f"scenario {run.scenario}", why, severity, certain, shown)


def challenged(run: Run) -> tuple[Exchange, ...]:
    """Look: the requests to the MCP server that were answered with 401."""
    return run.challenged


def asked(run: Run) -> tuple[Ask, ...]:
    """Look: the authorization requests."""
    return run.asks


def used(run: Run) -> tuple[Exchange | Ask, ...]:
    """Look: a registration, an authorization request or a token request, whichever came."""
    return (*run.registrations, *run.asks, *run.token_requests)


def redeemed(run: Run) -> tuple[Exchange, ...]:
    """Look: the token requests with a code."""
    return run.redemptions


def read_server_metadata(run: Run) -> tuple[Exchange, ...]:
    """Look: the metadata of an authorization server that was answered."""
    return tuple(each for each in run.server_metadata if each.status == 200)


def read_resource_metadata(run: Run) -> tuple[Exchange, ...]:
    """Look: the protected resource metadata that was answered."""
    return tuple(each for each in run.resource_metadata if each.status == 200)


def answered(run: Run) -> tuple[Ask, ...]:
    """Look: the authorization requests, where an answer to one reached the client's listener."""
    return run.asks if any(each.status for each in run.answers) else ()


def redeemed_again(run: Run) -> tuple[Exchange, ...]:
    """Look: the token requests with a code that was sent before."""
    seen: set[str] = set()
    again = []
    for each in run.redemptions:
        code = first(form_of(each), "code")
        again += [each] if code in seen else []
        seen.add(code)
    return tuple(again)
