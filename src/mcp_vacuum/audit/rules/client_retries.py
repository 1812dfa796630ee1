"""What a client does after a refusal or a failure: fresh values, the same resource, and an end."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run, first, form_of, query_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, must_refuse, not_run, redeemed, redeemed_again
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_LOGINS = 3
"""Authorization requests that are enough for one operation (MCP conformance suite)."""
_ONCE_MORE = 2
"""The first of something, and one more."""


@rule(
    id="CL-PKCE-06",
    title="Fresh verifier, state and nonce after any failed attempt",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.5.2", "RFC 9700 §2.1.1"),
    fix="discard the transaction on error",
    kinds=(Kind.CLIENT,),
    bad="the second attempt carries the state and the code_challenge of the first",
    good="every attempt has its own",
)
def failed_attempts_are_forgotten(evidence: ClientEvidence) -> Results:
    """What was used in an attempt that failed may be known to whoever made it fail."""
    yield from must_refuse(
        evidence,
        "LAB-25/again",
        "LAB-25/again-token",
        met=lambda run: run.asks[1:],
        crossed=_same_values,
        why="the next attempt carries the same state or code_challenge",
    )


def _same_values(run: Run) -> tuple[Ask, ...]:
    seen: set[tuple[str, str]] = set()
    again = []
    for ask in run.asks:
        values = {(name, ask.get(name)) for name in ("state", "code_challenge", "nonce") if ask.get(name)}
        again += [ask] if values & seen else []
        seen |= values
    return tuple(again)


@rule(
    id="CL-RES-04",
    title="invalid_target does not make the client drop resource",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 8707 §2", "MCP authorization, Resource Parameter Implementation"),
    fix="surface the error",
    kinds=(Kind.CLIENT,),
    bad="after invalid_target the client asks once more, without resource",
    good="the error is shown, and the login ends",
)
def resource_is_never_dropped(evidence: ClientEvidence) -> Results:
    """A token without a resource is good everywhere, which is what the parameter is there to prevent."""
    yield from must_refuse(
        evidence,
        "LAB-25/target",
        "LAB-25/target-asked",
        met=lambda run: run.redemptions or run.asks,
        crossed=_other_resource,
        why="the client tries once more with another resource, or none",
    )


def _other_resource(run: Run) -> tuple[Ask | Exchange, ...]:
    wanted = run.asks[0].get("resource") if run.asks else ""
    asks = tuple(ask for ask in run.asks if ask.get("resource") != wanted)
    forms = tuple(each for each in run.token_requests if first(form_of(each), "resource") != wanted)
    again = len(run.asks) > 1 or len(run.redemptions) > 1
    return (*asks, *forms) if wanted and again else ()


@rule(
    id="CL-SCOPE-03",
    title="Step-up requests the union of old and challenged scopes",
    level=Level.SHOULD,
    severity=Severity.LOW,
    sources=("MCP authorization, Step-Up Authorization Flow", "MCP conformance suite, sep-2350"),
    fix="store requested scopes per server",
    kinds=(Kind.CLIENT,),
    bad="403 with scope=files:write, and the new request asks for files:write alone",
    good="it asks for files:read files:write",
)
def step_up_keeps_scopes(evidence: ClientEvidence) -> Results:
    """A request for the new scope alone brings a token that can no longer do what the old one could."""
    yield from not_run(evidence, "LAB-23/step-up")
    if evidence.uncontrolled:
        yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled}")
        return
    for run in evidence.of("LAB-23/step-up"):
        scopes = [set(ask.get("scope").split()) for ask in run.asks]
        if not any(each.status == 403 for each in run.authorized_calls):
            yield NotChecked("INCONCLUSIVE: LAB-23/step-up: the client did not come as far as this")
        elif len(scopes) < _ONCE_MORE:
            yield finding(run, f"{run.what}; then the client does not ask for it", run.authorized_calls[-1])
        elif not scopes[-1] > scopes[0]:
            yield finding(run, f"{run.what}; then the client asks for it without the others", run.asks[-1])


@rule(
    id="CL-SCOPE-04",
    title="Step-up and 401 retries are bounded and remembered",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=(
        "MCP authorization, Step-Up Authorization Flow",
        "MCP conformance suite, auth/scope-retry-limit (3)",
    ),
    fix="cap attempts per resource and operation",
    kinds=(Kind.CLIENT,),
    bad="403, login, 403, login, 403, login, 403, login",
    good="403, login, 403, and the person is told",
)
def logins_are_bounded(evidence: ClientEvidence) -> Results:
    """Somebody who is asked for a login again and again learns to say yes."""
    yield from must_refuse(
        evidence,
        "LAB-23/403",
        "LAB-23/401",
        met=_refused_calls,
        crossed=lambda run: run.asks[_LOGINS:],
        why=f"the client asks for more than {_LOGINS} logins",
    )


def _refused_calls(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.authorized_calls if each.status in (401, 403))


@rule(
    id="CL-TOK-06",
    title="Handles expiry and invalid_token without loops",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §3.2.3 and §5.3.2", "MCP authorization, Error Handling"),
    fix="refresh early with skew; cap retries",
    kinds=(Kind.CLIENT,),
    bad="401, refresh, 401, refresh, 401, refresh",
    good="401, one refresh, 401, one login, 401, and the error is shown",
)
def expiry_makes_no_loop(evidence: ClientEvidence) -> Results:
    """A refusal for ever, or a lifetime that makes no sense, must not keep a client busy for ever."""
    yield from must_refuse(
        evidence,
        "LAB-23/401",
        met=_refused_calls,
        crossed=lambda run: (*run.refreshes[_ONCE_MORE:], *run.asks[_ONCE_MORE:]),
        why="the client does more than one refresh and one login after each other",
    )
    yield from not_run(evidence, *_LIFETIMES)
    for run in evidence.of(*_LIFETIMES):
        yield from _with_odd_lifetime(evidence, run)


_LIFETIMES = tuple(f"LAB-20/{name}" for name in ("unlimited", "zero", "negative", "text", "huge"))


def _with_odd_lifetime(evidence: ClientEvidence, run: Run) -> Results:
    expired = run.variant in ("zero", "negative")
    if evidence.uncontrolled or not run.redemptions:
        yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")
    elif len(run.token_requests) > len(run.calls) + _LOGINS:
        yield finding(run, f"{run.what}; then the client asks for tokens in a loop", run.token_requests[-1])
    elif not run.worked and not expired:
        yield finding(run, f"{run.what}; the client cannot use it", run.redemptions[-1], Severity.LOW)


@rule(
    id="CL-TOK-08",
    title="Redeems each code once by form POST and forgets it",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("RFC 6749 §4.1.2", "OAuth 2.1 §3.2"),
    fix="restart the login instead of replaying",
    kinds=(Kind.CLIENT,),
    bad="500, and the same code is sent again",
    good="500, and the person logs in once more",
)
def code_is_redeemed_once(evidence: ClientEvidence) -> Results:
    """The second use of a code looks like theft: the server ends everything that the first one brought."""
    for run in evidence.runs:
        for each in _not_by_form(run)[:1]:
            yield finding(run, "a code is sent to the token endpoint otherwise than as a form by POST", each)
            return
    yield from must_refuse(
        evidence,
        "LAB-25/500",
        "LAB-25/reset",
        "LAB-25/half",
        met=redeemed,
        crossed=redeemed_again,
        why="the client sends the same code again",
    )


def _not_by_form(run: Run) -> tuple[Exchange, ...]:
    wrong = []
    for each in run.to("/token"):
        in_form = each.method == "POST" and "grant_type" in form_of(each)
        wrong += [each] if "code" in query_of(each) or not in_form else []
    return tuple(wrong)


RULES: tuple[Rule, ...] = (
    failed_attempts_are_forgotten,
    resource_is_never_dropped,
    step_up_keeps_scopes,
    logins_are_bounded,
    expiry_makes_no_loop,
    code_is_redeemed_once,
)
