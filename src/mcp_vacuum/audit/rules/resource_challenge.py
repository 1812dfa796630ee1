"""How an MCP server greets a request without a token, or with a bad one."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.server import ServerEvidence
from mcp_vacuum.audit.evidence.wire import same_origin
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    not_applicable,
    rule,
)
from mcp_vacuum.protocol.challenge import parse_challenges, unread
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import printable


@rule(
    id="RS-CHAL-01",
    title="Requests without a token get 401 with a Bearer challenge",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §5.3.1", "MCP authorization, Error Handling", "RFC 6750 §3"),
    fix="challenge every unauthenticated request",
    kinds=(Kind.PASSIVE,),
    bad='POST /mcp {"method": "tools/list"} without a token: 200, {"result": {"tools": […]}}',
    good=(
        'POST /mcp {"method": "tools/list"} without a token: 401, WWW-Authenticate: Bearer '
        'resource_metadata="…"'
    ),
)
def every_request_is_challenged(evidence: ServerEvidence) -> Results:
    """What answers without a token is open to all, and a refusal without a challenge starts no login."""
    if evidence.open:
        why = "the server asks nobody for a login; see that this is meant"
        yield Finding(evidence.url, why, Severity.INFO, at=evidence.greetings["initialize"])
        return
    evidence.must_be_protected()
    for name, exchange in evidence.greetings.items():
        yield from _greeted(name, exchange)


def _greeted(name: str, exchange: Exchange) -> Results:
    where = f"{name} without a token"
    if exchange.response is None:
        yield NotChecked(f"INCONCLUSIVE: {where}: {exchange.failure}")
    elif exchange.status == 401:
        if bearer_challenge(exchange) is None:
            yield Finding(where, "401 without a Bearer challenge", Severity.MEDIUM, at=exchange)
        elif not bearer_challenge(exchange) and not _doubled(exchange):
            yield Finding(where, "the Bearer challenge has no parameter", Severity.MEDIUM, at=exchange)
    elif exchange.status < 300 and exchange.media_type in ("application/json", "text/event-stream"):
        yield from _answered(where, exchange)
    elif exchange.status == 429:
        yield NotChecked(f"INCONCLUSIVE: {where}: {exchange.said}")
    else:
        why = f"{exchange.said} instead of 401 and a challenge"
        yield Finding(where, why, Severity.MEDIUM, at=exchange)


def _answered(where: str, exchange: Exchange) -> Results:
    """Tell data from a JSON-RPC error in a 200."""
    try:
        refused = "error" in exchange.document
    except NotADocument:
        refused = False
    if refused:
        yield Finding(where, "a JSON-RPC error in a 200 instead of 401", Severity.MEDIUM, at=exchange)
    else:
        yield Finding(where, "it is answered with data", Severity.CRITICAL, at=exchange)


def bearer_challenge(exchange: Exchange) -> dict[str, str] | None:
    """Return the parameters of the Bearer or DPoP challenge that has most, None if there is none."""
    found = [
        challenge.params
        for challenge in parse_challenges(exchange.lines("www-authenticate"))
        if challenge.scheme in ("bearer", "dpop")
    ]
    return max(found, key=len, default=None)


@rule(
    id="RS-CHAL-02",
    title="Challenge carries resource_metadata and scope guidance",
    level=Level.SHOULD,
    severity=Severity.LOW,
    sources=(
        "MCP authorization, Scope Selection Strategy",
        "RFC 9728 §5.1",
        "MCP authorization server discovery, (one mechanism is mandatory)",
    ),
    fix="add both parameters",
    kinds=(Kind.PASSIVE,),
    bad='WWW-Authenticate: Bearer realm="mcp"',
    good=(
        "WWW-Authenticate: Bearer "
        'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", '
        'scope="mcp:tools"'
    ),
)
def challenge_guides_the_client(evidence: ServerEvidence) -> Results:
    """With both parameters a client finds the metadata in one step, and asks for no more than it needs."""
    evidence.must_be_protected()
    challenged = [
        (name, each) for name, each in evidence.greetings.items() if bearer_challenge(each) or _doubled(each)
    ]
    if not challenged:
        raise not_applicable("there is no Bearer challenge with parameters; see RS-CHAL-01")
    name, exchange = challenged[0]
    parameters, where = bearer_challenge(exchange) or {}, f"{name} without a token, WWW-Authenticate"
    metadata = parameters.get("resource_metadata")
    doubled = _doubled(exchange)
    if metadata is None and "resource_metadata" not in doubled:
        yield Finding(where, "there is no resource_metadata", at=exchange)
    elif metadata is not None and not same_origin(metadata, evidence.url):
        yield Finding(
            where,
            f"resource_metadata is on another origin: {printable(metadata)}",
            Severity.MEDIUM,
            at=exchange,
        )
    if not parameters.get("scope") and "scope" not in doubled:
        yield Finding(where, "there is no scope", at=exchange)
    yield from _syntax(where, exchange)


def _doubled(exchange: Exchange) -> set[str]:
    """The parameters that come twice in a challenge."""
    return {name for each in parse_challenges(exchange.lines("www-authenticate")) for name in each.doubled}


def _syntax(where: str, exchange: Exchange) -> Results:
    """A parameter that comes twice, and what is no challenge at all (RFC 6750 §3, RFC 9110 §11.6.1)."""
    for name in sorted(_doubled(exchange)):
        why = f"{printable(name)} comes twice in one challenge, so it has no value that counts"
        yield Finding(where, why, at=exchange)
    for rest in filter(None, map(unread, exchange.lines("www-authenticate"))):
        yield Finding(where, f"it cannot be read from here on: {printable(rest, 60)}", at=exchange)


@rule(
    id="RS-CHAL-03",
    title="Error codes match the situation",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP authorization, Token Handling and Error Handling", "OAuth 2.1 §5.3.2", "RFC 6750 §3.1"),
    fix="return the right status and code",
    kinds=(Kind.PASSIVE, Kind.ACTIVE),
    bad='a token that is none: 400; no token at all: 401, WWW-Authenticate: Bearer error="invalid_token"',
    good='a token that is none: 401, WWW-Authenticate: Bearer error="invalid_token"',
    because="what a token without the scope gets: which operation needs which scope only its operator knows",
)
def error_codes_match(evidence: ServerEvidence) -> Results:
    """By the code a client knows whether to refresh, to log in, or to ask for more scope."""
    evidence.must_be_protected()
    for name, exchange in evidence.greetings.items():
        stated = (bearer_challenge(exchange) or {}).get("error")
        if exchange.status == 401 and stated:
            why = f"there was no token, and the challenge says error={printable(stated, 60)}"
            yield Finding(f"{name} without a token", why, Severity.LOW, at=exchange)
            break  # one is enough to tell
    if all(exchange.status != 401 for exchange in evidence.greetings.values()):
        raise not_applicable("no request gets 401; see RS-CHAL-01")
    yield from _bad_token(evidence.bad_token)


def _bad_token(exchange: Exchange | None) -> Results:
    where = "initialize with what is no token"
    if exchange is None or exchange.response is None or exchange.status == 429 or exchange.status >= 500:
        said = exchange.said if exchange else "it was not sent"
        yield NotChecked(f"INCONCLUSIVE: {where}: {said}")
    elif exchange.status != 401:
        yield Finding(where, f"{exchange.said} instead of 401", at=exchange)
    elif (stated := (bearer_challenge(exchange) or {}).get("error")) != "invalid_token":
        said = f"error={printable(stated, 60)}" if stated else "no error"
        why = f"the challenge says {said} instead of error=invalid_token"
        yield Finding(where, why, Severity.LOW, at=exchange)


RULES: tuple[Rule, ...] = (
    every_request_is_challenged,
    challenge_guides_the_client,
    error_codes_match,
)
