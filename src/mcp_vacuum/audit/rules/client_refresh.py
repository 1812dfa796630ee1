"""Refresh tokens: rotated, bound to their server, given up when refused (OAuth 2.1 §4.3)."""

from __future__ import annotations

from collections.abc import Callable

from mcp_vacuum.audit.evidence.client import ClientEvidence, Run, first, form_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, must_refuse, not_run
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_OFTEN = 3
"""Logins in one run; more of them are a loop."""


@rule(
    id="CL-RT-01",
    title="Replaces rotated refresh token atomically and serialises refreshes",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3.2", "RFC 9700 §4.14.2"),
    fix="lock, persist new token before use",
    kinds=(Kind.CLIENT,),
    bad="the token response replaces the refresh token, and the old one is sent again",
    good="the new refresh token is stored before the access token is used",
)
def rotated_token_is_replaced(evidence: ClientEvidence) -> Results:
    """A server takes the second use of a refresh token for theft, and ends the whole login."""
    yield from must_refuse(
        evidence,
        "LAB-24/rotation",
        met=_refreshed,
        crossed=_used_again,
        why="the client sends the old one again",
    )
    yield from must_refuse(
        evidence,
        "LAB-24/restart",
        met=_refreshed_or_logged_in_anew,
        crossed=_used_again,
        why="the client sends the old one again",
    )
    yield from must_refuse(
        evidence,
        "LAB-24/together",
        met=_refreshed_or_logged_in_anew,
        crossed=_used_again,
        why="both send the same refresh token",
    )


def _refreshed(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.refreshes if each.status == 200)


def _refreshed_or_logged_in_anew(run: Run) -> tuple[Exchange, ...]:
    """A client that stores nothing has no refresh token to use again."""
    return _refreshed(run) or (run.redemptions if len(run.asks) > 1 else ())


def _used_again(run: Run) -> tuple[Exchange, ...]:
    """The refreshes with a token that brought its successor already."""
    return _again(run, lambda each: each.status == 200)


def _refused_again(run: Run) -> tuple[Exchange, ...]:
    """The refreshes with a token that was refused already."""
    return _again(run, lambda each: each.status in (400, 401))


def _again(run: Run, ended: Callable[[Exchange], bool]) -> tuple[Exchange, ...]:
    over: set[str] = set()
    again = []
    for each in run.refreshes:
        token = first(form_of(each), "refresh_token")
        again += [each] if token in over else []
        over |= {token} if ended(each) else set()
    return tuple(again)


@rule(
    id="CL-RT-02",
    title="Refreshes only at the issuing AS, never wider",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3 and §4.3.1", "RFC 6749 §6"),
    fix="bind refresh token to issuer and endpoint",
    kinds=(Kind.CLIENT,),
    bad="the metadata names another server by now, and gets the refresh token of the first",
    good="the refresh token goes to the token endpoint that issued it, or nowhere",
)
def refresh_token_stays_at_its_server(evidence: ClientEvidence) -> Results:
    """A refresh token is a login that lasts; another server that gets it has that login."""
    yield from must_refuse(
        evidence,
        "LAB-19/session",
        "LAB-19/restart",
        "LAB-19/endpoint",
        met=_refused_or_refreshed,
        crossed=_refresh_token_elsewhere,
        why="the refresh token arrives there",
        severity={"endpoint": Severity.LOW},
    )
    for run in evidence.runs:
        for each in _wider(run)[:1]:
            yield finding(run, "the refresh request asks for a scope that the login did not ask for", each)
            return


def _refused_with_token(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.authorized_calls if each.status == 401)


def _refused_or_refreshed(run: Run) -> tuple[Exchange, ...]:
    return _refused_with_token(run) or run.refreshes


def _refused(run: Run) -> tuple[Exchange, ...]:
    """The calls and the refreshes that show that what was granted has ended."""
    return (*_refused_with_token(run), *(each for each in run.refreshes if each.status in (400, 401)))


def _refresh_token_elsewhere(run: Run) -> tuple[Exchange, ...]:
    there = run.at_origin_of(run.places[1].issuer)
    return tuple(each for each in run.carrying(run.place.refresh_tokens) if each in there)


def _wider(run: Run) -> tuple[Exchange, ...]:
    granted = {scope for ask in run.asks for scope in ask.get("scope").split()}
    wanted = [(each, set(first(form_of(each), "scope").split())) for each in run.refreshes]
    return tuple(each for each, scopes in wanted if granted and scopes - granted)


@rule(
    id="CL-RT-03",
    title="Drops tokens on invalid_grant and works without refresh tokens",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Refresh Tokens", "OAuth 2.1 §3.2.4"),
    fix="fall back to authorization code flow",
    kinds=(Kind.CLIENT,),
    bad="invalid_grant, and the same refresh token is sent again",
    good="invalid_grant, the tokens are dropped, and the person logs in once more",
)
def refused_token_is_dropped(evidence: ClientEvidence) -> Results:
    """A refused refresh token never works again, and many servers issue none at all."""
    yield from must_refuse(
        evidence,
        "LAB-24/invalid-grant",
        "LAB-24/invalid-grant-restart",
        met=_refused,
        crossed=_refused_again,
        why="the client sends it again",
    )
    yield from not_run(evidence, "LAB-20/no-refresh")
    for run in evidence.of("LAB-24/invalid-grant", "LAB-20/no-refresh"):
        yield from _after_the_end(evidence, run)


def _after_the_end(evidence: ClientEvidence, run: Run) -> Results:
    if len(run.asks) > _OFTEN:
        yield finding(run, f"{run.what}; then the client asks for a login again and again", run.asks[-1])
    elif evidence.uncontrolled or not _refused_with_token(run):
        yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")
    elif len(run.asks) < 2:
        why = f"{run.what}; then the client gives up and asks for no new login"
        yield finding(run, why, _refused_with_token(run)[-1], Severity.LOW)


RULES: tuple[Rule, ...] = (
    rotated_token_is_replaced,
    refresh_token_stays_at_its_server,
    refused_token_is_dropped,
)
