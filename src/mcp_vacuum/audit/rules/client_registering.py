"""How a client registers: by which way, with what words, and what it does with the answer (RFC 7591)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp_vacuum.audit.evidence.client import Ask, ClientEvidence, Run, document_of, form_of
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding, must_refuse, not_run
from mcp_vacuum.audit.rule import Kind, Level, NotChecked, Results, Rule, Severity, rule

_TRIES = 3
"""Registrations that are enough; more of them are a storm."""
_FAILURES = ("LAB-18/invalid-redirect", "LAB-18/403", "LAB-18/500", "LAB-18/html")
_SECRET = ("client_secret_basic", "client_secret_post", "client_secret_jwt")
_SHOWN = {"invalid-redirect": "invalid_redirect_uri", "403": "403", "500": "500"}
"""By variant: what a person has to see to know what went wrong."""


@rule(
    id="CL-REG-01",
    title="Chooses pre-registered, then CIMD, then DCR, then prompt",
    level=Level.SHOULD,
    severity=Severity.LOW,
    sources=(
        "MCP client registration, the priority list",
        "MCP client registration, Advertising CIMD Support",
    ),
    fix="implement the priority order",
    kinds=(Kind.CLIENT,),
    bad="client_id=https://app.example/client.json, where the server does not say that it takes such",
    good="a URL where it is offered, a registration where it is not",
)
def registers_in_order(evidence: ClientEvidence) -> Results:
    """A way that the server does not offer fails; a new registration where none is needed leaves litter.

    A client that was registered beforehand is not tried: how a client is told of one is its own matter.
    """
    yield from not_run(evidence, "LAB-18/cimd")
    for run, ask in evidence.asks:
        if run.scenario != "LAB-18/cimd" and ask.get("client_id").startswith("https://"):
            yield finding(run, "the client_id is a URL, which the server does not say that it takes", ask)
            break
    for run in evidence.of("LAB-18/cimd"):
        if run.registrations:
            yield finding(run, f"{run.what}; the client registers all the same", run.registrations[0])
        elif not run.asks:
            yield NotChecked(f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this")


@rule(
    id="CL-REG-06",
    title="DCR metadata is minimal and response is verified",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 7591 §2 and §3.2.1", "MCP authorization, Refresh Tokens (refresh_token in grant_types)"),
    fix="ask for little, check what came back",
    kinds=(Kind.CLIENT,),
    bad='{"grant_types": ["client_credentials"]}; another redirect URI comes back, and is ignored',
    good='{"grant_types": ["authorization_code", "refresh_token"]}, and the answer is compared with it',
)
def registration_is_minimal_and_checked(evidence: ClientEvidence) -> Results:
    """A client that does not read what was registered goes on with words that the server does not know."""
    for run in evidence.runs:
        for each in run.registrations:
            if wrong := _too_much(document_of(each)):
                yield finding(run, f"registration request: {wrong}", each)
                return
    yield from _wants_a_secret(evidence)
    yield from must_refuse(
        evidence,
        "LAB-18/redirect",
        met=_registered,
        crossed=_asks_with_another,
        why="the client asks with the one that it wanted",
    )
    yield from must_refuse(
        evidence,
        "LAB-18/method",
        met=_registered,
        crossed=lambda run: tuple(
            each for each in run.redemptions if "client_assertion" not in form_of(each)
        ),
        why="the client authenticates in another way, or not at all",
    )


def _redeems_without_assertion(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.redemptions if "client_assertion" not in form_of(each))


def _too_much(document: Mapping[str, Any]) -> str:
    grants = set(_texts(document.get("grant_types"))) - {"authorization_code", "refresh_token"}
    types = set(_texts(document.get("response_types"))) - {"code"}
    if grants or types:
        return f"it asks for {', '.join(sorted(grants | types))}, which no login needs"
    return ""


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _wants_a_secret(evidence: ClientEvidence) -> Results:
    """In the control, where the server offers public clients a place."""
    for run in evidence.of("LAB-00"):
        for each in run.registrations:
            document = document_of(each)
            if document.get("token_endpoint_auth_method", "client_secret_basic") in _SECRET:
                why = "registration request: a public client asks for a secret, which it cannot keep"
                yield finding(run, why, each, Severity.LOW)
    for run in evidence.runs:
        asked = [set(_texts(document_of(each).get("grant_types"))) for each in run.registrations]
        if run.refreshes and asked and not any("refresh_token" in grants for grants in asked):
            why = "the client uses refresh tokens, and did not register for them"
            yield finding(run, why, run.refreshes[0], Severity.LOW)
            return


def _registered(run: Run) -> tuple[Exchange, ...]:
    return tuple(each for each in run.registrations if each.status in (200, 201))


def answer_of(registration: Exchange) -> Mapping[str, Any]:
    """Return what a registration was answered; empty if that is no JSON object."""
    try:
        answer = json.loads(registration.response.body if registration.response else b"")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _asks_with_another(run: Run) -> tuple[Ask, ...]:
    answered = {uri for each in _registered(run) for uri in _texts(answer_of(each).get("redirect_uris"))}
    return tuple(ask for ask in run.asks if answered and ask.get("redirect_uri") not in answered)


@rule(
    id="CL-REG-07",
    title="Handles registration failures with a meaningful error",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("MCP client registration, Application Type and Redirect URI Constraints", "RFC 7591 §3.2.2"),
    fix="surface error and stop",
    kinds=(Kind.CLIENT,),
    bad="403, and the client registers again and again, or waits without a word",
    good="registration failed: invalid_redirect_uri",
)
def registration_may_fail(evidence: ClientEvidence) -> Results:
    """A registration fails for good reasons, and only a person who reads them can do something about it."""
    yield from must_refuse(
        evidence,
        *_FAILURES,
        met=lambda run: run.registrations,
        crossed=lambda run: (*run.registrations[_TRIES:], *run.asks),
        why=f"the client registers more than {_TRIES} times, or goes on without a registration",
    )
    for run in evidence.of(*_FAILURES):
        if run.registrations and not evidence.uncontrolled and (wrong := _silent(run)):
            yield finding(run, f"{run.what}; {wrong}", run.registrations[-1], Severity.LOW)


def _silent(run: Run) -> str:
    if run.ended in ("quiet", "timeout"):
        return "the client is waiting still when it is ended"
    hidden = _SHOWN.get(run.variant, "") not in run.output
    return f"the client does not show {_SHOWN[run.variant]}" if hidden else ""


RULES: tuple[Rule, ...] = (
    registers_in_order,
    registration_is_minimal_and_checked,
    registration_may_fail,
)
