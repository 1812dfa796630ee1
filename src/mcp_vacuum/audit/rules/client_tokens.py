"""What a client does with codes, access tokens, refresh tokens and ID tokens."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_vacuum.audit.evidence.client import (
    CONNECTED,
    ClientEvidence,
    Run,
    first,
    form_of,
    path_of,
    sent_header,
)
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, not_run
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    rule,
)
from mcp_vacuum.safety.secret import readable_in

_STEADY = ("LAB-00", "LAB-12", "LAB-26")
"""Where nothing misbehaves and no token ends."""


@rule(
    id="CL-TOK-01",
    title="Sends the token in Authorization on every request, never in URL",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=(
        "MCP authorization, Token Requirements",
        "OAuth 2.1 §5.1 and §5.1.1",
        "RFC 6750 §2.3",
        "RFC 9700 §4.3.2",
    ),
    fix="attach header in the transport",
    kinds=(Kind.CLIENT,),
    bad="POST /mcp?access_token=…",
    good="Authorization: Bearer …",
)
def token_is_in_the_header(evidence: ClientEvidence) -> Results:
    """URLs end in logs, histories and Referer headers, and a token in them does too."""
    if not any(run.authorized_calls for run in evidence.runs):
        yield NotChecked("INCONCLUSIVE: no request with a token arrived")
    for run in evidence.runs:
        for each in run.carrying(run.place.access_tokens if run.places else ()):
            if wrong := _misplaced(run, each):
                yield finding(run, wrong, each)
                return
    for run in evidence.of(*_STEADY):
        bare = [each for each in _after_login(run) if not sent_header(each, "authorization")]
        if bare:
            yield finding(run, "after the login the client sends a request without its token", bare[0])
            return


def _misplaced(run: Run, each: Exchange) -> str:
    tokens = run.place.access_tokens
    if any(token in each.url for token in tokens):
        return "the access token is in a URL"
    if any(token in sent_header(each, name) for token in tokens for name in ("cookie", "referer")):
        return "the access token is in a cookie or in Referer"
    body = (each.request.body or b"").decode("utf-8", "replace") if each.request else ""
    revoked = path_of(each).endswith("/revoke")
    return "the access token is in a body" if not revoked and any(token in body for token in tokens) else ""


def _after_login(run: Run) -> list[Exchange]:
    got = [each.number for each in run.token_requests if each.status == 200]
    return [each for each in run.calls if got and each.number > got[0]]


@rule(
    id="CL-TOK-04",
    title="Validates TLS certificates and host names",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    sources=("OAuth 2.1 §7.1.3.2 and §1.5", "RFC 8414 §6.2", "RFC 9728 §7.3"),
    fix="remove verification overrides",
    kinds=(Kind.CLIENT,),
    bad="verify=False",
    good="a connection whose certificate is not trusted is given up before anything is sent",
)
def certificates_are_validated(evidence: ClientEvidence) -> Results:
    """Without the check, whoever is on the way can be the server, and gets the token."""
    good = next((run for run in evidence.of("LAB-21/good") if run.worked), None)
    yield from not_run(evidence, "LAB-21")
    for run in evidence.of("LAB-21"):
        if run is good or run.variant == "good":
            continue
        if sent := _sent_to_the_untrusted(run):
            yield finding(run, f"{run.what}; then the client sends its request all the same", sent[0])
        elif good is None:
            yield NotChecked("INCONCLUSIVE: the client does not work with the good certificates of LAB-21")
        elif CONNECTED not in run.notes:
            yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not connect")


def _sent_to_the_untrusted(run: Run) -> tuple[Exchange, ...]:
    server = run.place.issuer if run.variant.startswith("server-") else run.place.mcp_url
    browser = ("/authorize", "/consent")
    return tuple(each for each in run.at_origin_of(server) if not path_of(each).endswith(browser))


@rule(
    id="CL-TOK-07",
    title="Never logs tokens, codes, verifiers, secrets or assertions",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 6819 §4.6.7", "RFC 9700 §4.9.3"),
    fix="redacting log filter and secret types",
    kinds=(Kind.CLIENT,),
    bad='DEBUG token response: {"access_token": "eyJ…"}',
    good="DEBUG token response: access token of 40 characters",
)
def nothing_secret_is_printed(evidence: ClientEvidence) -> Results:
    """What is printed ends in log files, bug reports and the context of models."""
    for run in evidence.runs:
        told = [what for what, values in _secrets(run) if _any_readable(run, values)]
        if told:
            yield finding(run, f"the client prints {' and '.join(told)}")
            return
    if evidence.uncontrolled:
        yield NotChecked(f"INCONCLUSIVE: {evidence.uncontrolled}")
    elif not any(run.worked for run in evidence.of("LAB-26")):
        yield NotChecked(
            "INCONCLUSIVE: LAB-26, where every switch for more output is on, was not run or did not work"
        )


def _secrets(run: Run) -> list[tuple[str, list[str]]]:
    places = run.places
    verifiers = [first(form_of(each), "code_verifier") for each in run.redemptions]
    return [
        ("an authorization code", [value for place in places for value in place.codes]),
        ("an access token", [value for place in places for value in place.access_tokens]),
        ("a refresh token", [value for place in places for value in place.refresh_tokens]),
        ("a client secret", [value for place in places for value in place.client_secrets]),
        ("a verifier", [value for value in verifiers if value]),
    ]


def _any_readable(run: Run, values: list[str]) -> bool:
    printed = run.output.encode()
    return any(readable_in(printed, value) for value in values)


@rule(
    id="CL-TOK-09",
    title="No implicit, hybrid or password grant configured",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("RFC 9700 §2.4 and §2.1.2", "OAuth 2.1 §10 and §10.1"),
    fix="use authorization_code with PKCE",
    kinds=(Kind.FLOW, Kind.CLIENT, Kind.CONFIG),
    because="it is part of `audit config`",
    bad="response_type=token",
    good="response_type=code, and grant_type=authorization_code",
)
def code_flow_alone(evidence: FlowEvidence) -> Results:
    """Other flows put tokens into URLs, or show the password to the client."""
    if not evidence.samples:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
    for wrong in sorted({_other_flow(sample.parameters) for sample in evidence.samples} - {""}):
        yield Finding("authorization request", wrong)


@also(code_flow_alone, Kind.CLIENT, because="it is part of `audit config`")
def code_flow_of_a_client(evidence: ClientEvidence) -> Results:
    """Other flows put tokens into URLs, or show the password to the client."""
    if not evidence.asks:
        yield NotChecked("INCONCLUSIVE: the client makes no authorization request that could be looked at")
    for run, ask in evidence.asks:
        if wrong := _other_flow({name: ask.get(name) for name in ("response_type", "response_mode")}):
            yield finding(run, f"authorization request: {wrong}", ask)
            return
    for run in evidence.runs:
        for each in run.token_requests:
            if first(form_of(each), "grant_type") == "password":
                yield finding(run, "token request: grant_type is password", each)
                return


def _other_flow(parameters: Mapping[str, str]) -> str:
    if parameters.get("response_type") != "code":
        return "response_type is not code"
    return "response_mode is fragment" if parameters.get("response_mode") == "fragment" else ""


RULES: tuple[Rule, ...] = (
    token_is_in_the_header,
    certificates_are_validated,
    nothing_secret_is_printed,
    code_flow_of_a_client,
)
