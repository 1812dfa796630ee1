"""The listener of a client, its page, and the browser that comes there (RFC 8252 §7.3, §8.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import Answer, ClientEvidence, Run, first, form_of
from mcp_vacuum.audit.marks import (
    AFTER_LOGIN,
    ELSEWHERE,
    FORGED_CODE,
    MARKUP,
    NO_OTHER_ADDRESS,
    OTHER_ADDRESS,
    STRAY,
)
from mcp_vacuum.audit.provoked import answered, finding, must_refuse, not_run
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_STRAYS: Mapping[str, Severity | None] = {
    "LAB-17/path": None,
    "LAB-17/post": None,
    "LAB-17/head": None,
    "LAB-17/long": None,
    "LAB-17/state": Severity.LOW,
}
"""By scenario: how bad it is if the login ends with it; None for as bad as the rule says."""
_FOREIGN = re.compile(
    r"""<(?:script|img|iframe|link)[^>]+(?:src|href)\s*=\s*["']?https?://(?!127\.|localhost)""", re.I
)
_ANSWER = "the answer"
"""The purpose of what the person's browser brought."""


@rule(
    id="CL-REDIR-02",
    title="Loopback listener uses IP literal and binds only loopback",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §8.4.2 and §8.5.4", "RFC 8252 §7.3 and §8.3"),
    fix="bind 127.0.0.1/::1 with an ephemeral port",
    kinds=(Kind.CLIENT,),
    bad="the listener is bound to 0.0.0.0, or the redirect URI says localhost",
    good="http://127.0.0.1:49152/callback, bound to 127.0.0.1",
)
def listener_is_on_loopback(evidence: ClientEvidence) -> Results:
    """A listener on all addresses takes answers from the network; the name localhost may lead elsewhere."""
    yield from not_run(evidence, "LAB-17/address")
    for run in evidence.of("LAB-17/address"):
        if _reached(run, OTHER_ADDRESS):
            yield finding(run, "the listener answers at another address than that of its redirect URI")
        elif NO_OTHER_ADDRESS in run.notes:
            yield NotChecked(f"INCONCLUSIVE: {NO_OTHER_ADDRESS}")
        elif not answered(run):
            yield NotChecked("INCONCLUSIVE: the client has no listener that could be asked")
    for run, ask in evidence.asks:
        if urlsplit(ask.get("redirect_uri")).hostname == "localhost":
            yield finding(run, "redirect_uri: it says localhost, and not 127.0.0.1", ask, Severity.LOW)
            return


def _reached(run: Run, purpose: str) -> bool:
    return any(each.status for each in run.answers if each.purpose == purpose)


@rule(
    id="CL-REDIR-03",
    title="Listener opens per login, accepts one matching callback, closes",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §8.5.4", "RFC 8252 §8.3"),
    fix="one-shot handler on exact path with deadline",
    kinds=(Kind.CLIENT,),
    bad="a HEAD request for the redirect URI ends the login",
    good="anything but one GET with the right state gets 404, and the listener waits on",
)
def one_answer_is_taken(evidence: ClientEvidence) -> Results:
    """Scanners, previews and other programs of the machine ask listeners too, and must not end a login."""
    yield from not_run(evidence, *_STRAYS)
    for run in evidence.of(*_STRAYS):
        yield from _after_a_stray(evidence, run)
    yield from must_refuse(
        evidence,
        "LAB-17/after",
        met=answered,
        crossed=lambda run: run.asks[:1] if _reached(run, AFTER_LOGIN) else (),
        why="the listener is still there",
    )


def _after_a_stray(evidence: ClientEvidence, run: Run) -> Results:
    forged = [each for each in run.redemptions if first(form_of(each), "code") == FORGED_CODE]
    if forged:
        yield finding(run, f"{run.what}; then the client redeems that code", forged[0])
    elif not run.worked and evidence.uncontrolled:
        yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled}")
    elif not run.worked and not _reached(run, STRAY):
        yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client has no listener that could be asked")
    elif not run.worked:
        yield finding(run, f"{run.what}; then the login fails", run.asks[-1], _STRAYS[run.scenario])


@rule(
    id="CL-REDIR-04",
    title="Callback page reflects nothing, leaks nothing, never redirects onward",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §2.3.6 and §7.12.1", "RFC 9700 §4.2.4 and §4.11.1"),
    fix="serve a static page and drop the query",
    kinds=(Kind.CLIENT,),
    bad="<p>Failed: <b>markup of a stranger</b>, or a redirect to ?next=…",
    good="the same page for everybody, with Cache-Control: no-store and Referrer-Policy: no-referrer",
)
def callback_page_is_static(evidence: ClientEvidence) -> Results:
    """The page has a code in its URL, and whoever writes into it can read that."""
    yield from must_refuse(
        evidence,
        "LAB-17/page",
        "LAB-15/answer",
        met=answered,
        crossed=lambda run: run.asks[:1] if any(map(_takes_baits, _pages(run))) else (),
        why="its page shows the markup, or leads there",
    )
    for run in evidence.of("LAB-00"):
        for wrong, severity in _careless(run):
            yield finding(run, f"the callback page: {wrong}", run.asks[0] if run.asks else None, severity)


def _pages(run: Run) -> tuple[Answer, ...]:
    return tuple(each for each in run.answers if each.purpose == _ANSWER and each.status)


def _takes_baits(page: Answer) -> bool:
    return MARKUP in page.body or ELSEWHERE in page.header("location")


def _careless(run: Run) -> list[tuple[str, Severity | None]]:
    pages = _pages(run)[-1:]
    wrong: list[tuple[str, Severity | None]] = []
    for page in pages:
        if _FOREIGN.search(page.body):
            wrong.append(("it loads something from another host, which may learn its URL by Referer", None))
        if "no-store" not in page.header("cache-control").lower():
            wrong.append(("there is no Cache-Control: no-store", Severity.LOW))
        if page.header("referrer-policy").lower() not in ("no-referrer", "same-origin"):
            wrong.append(("there is no Referrer-Policy: no-referrer", Severity.LOW))
    return wrong


@rule(
    id="CL-OPEN-03",
    title="Uses an external browser, not an embedded view",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §8.2", "RFC 8252 §8.12"),
    fix="open the system browser",
    kinds=(Kind.CLIENT,),
    bad="the client requests /authorize itself, in a view of its own",
    good="the URL is given to the system's browser",
)
def browser_is_external(evidence: ClientEvidence) -> Results:
    """In a view of the client's own, the client sees the password, and the person cannot see the address.

    A client may look first whether the page is there, so that a request alone is no view.
    """
    if evidence.uncontrolled or not evidence.asks:
        yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled or 'no authorization request was made'}")
    for run, ask in evidence.asks:
        consented = run.to("/consent", "POST")
        if ask.at is not None and consented and not run.opened:
            yield finding(run, "the client shows the authorization page itself", consented[0])
            return


@rule(
    id="CL-OPEN-04",
    title="Web client pages carry a Content Security Policy",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, OAuth Authorization URL Validation (CSP)", "RFC 9700 §4.16"),
    fix="send script-src 'self' or nonces",
    kinds=(Kind.CLIENT,),
    bad="the callback page has no Content-Security-Policy",
    good="Content-Security-Policy: default-src 'none'",
)
def page_has_a_policy(evidence: ClientEvidence) -> Results:
    """A policy keeps a script out that got into a page all the same.

    Only the callback page is looked at: a client is run here, not visited. Such a page holds little, so
    that a missing policy is mild.
    """
    runs = [run for run in evidence.of("LAB-00") if _pages(run)]
    if not runs:
        yield NotChecked("INCONCLUSIVE: no callback page was seen")
    for run in runs:
        policy = _pages(run)[-1].header("content-security-policy")
        if not policy:
            yield finding(run, "the callback page: there is no Content-Security-Policy", None, Severity.LOW)
        elif "'unsafe-inline'" in _scripts(policy) or not _scripts(policy):
            yield finding(run, "the callback page: its policy allows any script", None)


def _scripts(policy: str) -> str:
    """The sources of scripts: `script-src`, else `default-src`."""
    rules = dict(each.strip().lower().partition(" ")[::2] for each in policy.split(";") if each.strip())
    return rules.get("script-src") or rules.get("default-src", "")


RULES: tuple[Rule, ...] = (
    listener_is_on_loopback,
    one_answer_is_taken,
    callback_page_is_static,
    browser_is_external,
    page_has_a_policy,
)
