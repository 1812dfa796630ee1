"""Servers of the laboratory with one flaw each that only a login shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import anyio

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.evidence.active_session import ActiveOptions, Waiting
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.lab import ABSENT, Lab, LabConfig, User
from mcp_vacuum.lab.jose import unb64
from mcp_vacuum.lab.messages import App, Request, Response, json_response, redirect
from tests.audit.planted import Planted

Around = Callable[[Request, App], Response]
LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
OTHER = "http://127.0.0.1:9/another"
HONEST = LabConfig(any_loopback_port=True, grants=(DEVICE,), also_serves=(OTHER,))
JWT = replace(HONEST, jwt=True)
DPOP = replace(HONEST, dpop=True, dpop_required=True)
PAR = replace(HONEST, par=True)
KEYS = replace(
    HONEST,
    token_endpoint_auth_methods=(*HONEST.token_endpoint_auth_methods, "private_key_jwt"),
    grants=(DEVICE, "client_credentials"),
)
OPTIONS = ActiveOptions(timeout=5, defect_timeout=0.5, grace=0, other_resource=OTHER)
PATIENT = replace(OPTIONS, patient=True, most_logins=13)


def person(listener: LoopbackListener, timeout: float) -> Person:
    """Somebody who says yes to everything, at once."""
    return BrowserVisit(listener, timeout=timeout, opener=lambda url: bool(User().visit(url)))


def passing(lab: Lab) -> Waiting:
    """Let time pass in a laboratory, and nowhere else."""

    async def wait(seconds: float, what: str) -> None:
        lab.advance(seconds)

    return wait


def audited_actively(
    config: LabConfig = HONEST, options: ActiveOptions = OPTIONS, **faults: Any
) -> SecurityReport:
    """Audit a laboratory with these faults, with logins."""
    with Lab(config) as lab:
        for name, value in faults.items():
            setattr(lab.faults, name, value)
        return anyio.run(partial(audit_server, lab.mcp_url, options, ways=person, wait=passing(lab)))


QUICK = {
    "AS-PKCE-03 no challenge is needed",
    "AS-PKCE-04 any verifier",
    "AS-AUTHZ-01 any redirect URI",
    "AS-CODE-01 a reusable code",
    "AS-CODE-03 a code of eleven minutes",
    "AS-RT-02 no reuse detection",
    "AS-REV-01 revocation does nothing",
    "AS-CLI-03 anything is registered",
    "RS-TOK-02 no signature",
}
"""Of the flaws that only logins show; the others are left to `make test-long` and `make audit-proof`."""


def flaw(
    rule: str,
    what: str,
    *,
    severity: Severity | None = None,
    must_also: tuple[str, ...] = (),
    says: str = "",
    config: LabConfig = HONEST,
    options: ActiveOptions = OPTIONS,
    **faults: Any,
) -> Planted:
    """Return a server with this flaw."""
    slow = f"{rule} {what}" not in QUICK
    return Planted(
        rule,
        what,
        lambda: audited_actively(config, options, **faults),
        severity,
        frozenset(must_also),
        says,
        slow,
    )


def unchecked(
    claim: str, says: str, *, config: LabConfig = KEYS, severity: Severity | None = None
) -> Planted:
    """Return a server that does not look at this of a client assertion."""
    how = "" if config is KEYS else ", after a login"
    what = f"{claim} of an assertion{how}"
    unseen = frozenset({claim})
    return flaw("AS-CLI-02", what, config=config, assertion_unchecked=unseen, says=says, severity=severity)


# --- what stands before the honest code -------------------------------------------------------------------


def sending(path: str, **headers: str) -> Around:
    """Replace headers of the answers of a path."""
    changed = {name.replace("_", "-").lower(): value for name, value in headers.items()}

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if request.path != path:
            return answer
        kept = tuple((name, value) for name, value in answer.headers if name.lower() not in changed)
        return replace(answer, headers=(*kept, *changed.items()))

    return around


def saying(path: str, **members: object) -> Around:
    """Replace members of the JSON that a path answers with 200 or 201; ABSENT drops one."""

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if request.path != path or answer.status not in (200, 201):
            return answer
        told = {**json.loads(answer.body), **members}
        kept = {name: value for name, value in told.items() if value != ABSENT}
        return replace(answer, body=json.dumps(kept).encode())

    return around


def reading_urls(request: Request, app: App) -> Response:
    """Take a token request out of a URL."""
    if (request.method, request.path) == ("GET", "/token"):
        return app(replace(request, method="POST", form=request.query))
    return app(request)


def refusing_extras(request: Request, app: App) -> Response:
    """Refuse parameters that nobody knows."""
    return Response(400, b"what is this?") if "audit_unknown" in request.query else app(request)


def introspecting(request: Request, app: App) -> Response:
    """Answer introspection to anybody."""
    if request.path == "/introspect":
        return json_response({"active": False})
    answer = app(request)
    if request.path != "/.well-known/oauth-authorization-server":
        return answer
    told = json.loads(answer.body)
    return json_response({**told, "introspection_endpoint": f"{told['issuer']}/introspect"})


def stumbling(request: Request, app: App) -> Response:
    """Break at an unknown grant."""
    return json_response({}, 500) if request.form.get("grant_type") == ("audit",) else app(request)


def forwarding(request: Request, app: App) -> Response:
    """Send every client on to another server, as one and the same."""
    if request.path != "/authorize" or "session" in request.query:
        return app(request)
    if request.headers.get("user-agent") == "lab-user":
        return app(request)
    answer = app(request)
    if answer.status != 200:
        return answer
    return redirect("https://idp.example/authorize?client_id=the-proxy&redirect_uri=x", 302)


def session_ids(make: Callable[[int], str]) -> Around:
    """Give session ids."""
    numbers = count(1000)

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if request.path != "/mcp" or answer.status != 200:
            return answer
        given = request.headers.get("mcp-session-id") or make(next(numbers))
        return replace(answer, headers=(*answer.headers, ("Mcp-Session-Id", given)))

    return around


def bearer(request: Request) -> str:
    """Return the token of a request to the MCP server."""
    return request.headers.get("authorization", "").partition(" ")[2]


def header(request: Request) -> dict[str, Any]:
    """Return the header of a token that is a JWT."""
    try:
        found = json.loads(unb64(bearer(request).split(".")[0]))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def unsigned(request: Request) -> bool:
    """A JWT that nobody signed."""
    return bool(header(request)) and bearer(request).endswith(".")


def symmetric(request: Request) -> bool:
    """A JWT that a shared secret signs."""
    return header(request).get("alg") == "HS256"


def elsewhere(request: Request) -> bool:
    """A JWT for another resource of the same server."""
    parts = bearer(request).split(".")
    return (
        len(parts) == 3
        and parts[2] != ""
        and OTHER.encode() in unb64(parts[1])
        and "ES256" in str(header(request))
    )


def issued(kind: str) -> Callable[[Request], bool]:
    """Let in whatever of this kind was ever issued."""
    return lambda request: bearer(request).startswith(kind)


PLANTED = (
    # PKCE
    flaw("AS-PKCE-02", "plain is taken", takes_plain=True, severity=MEDIUM),
    flaw("AS-PKCE-03", "no challenge is needed", needs_no_challenge=True, must_also=("AS-PKCE-05",)),
    flaw(
        "AS-PKCE-03",
        "the same, with an eye on downgrades",
        needs_no_challenge=True,
        refuses_unexpected_verifier=True,
    ),
    flaw("AS-PKCE-05", "a stripped challenge", needs_no_challenge=True, must_also=("AS-PKCE-03",)),
    flaw(
        "AS-PKCE-04", "any verifier", ignores_verifier=True, must_also=("AS-PKCE-06",), says="wrong verifier"
    ),
    flaw("AS-PKCE-06", "the challenge as verifier", takes_challenge_for_verifier=True),
    flaw("AS-PKCE-06", "a short verifier", takes_short_verifier=True, severity=LOW),
    # the authorization endpoint
    flaw("AS-AUTHZ-01", "any redirect URI", accepts_any_redirect=True, must_also=("AS-AUTHZ-02",)),
    flaw("AS-AUTHZ-01", "errors to anywhere", redirects_errors_anywhere=True, must_also=("AS-AUTHZ-02",)),
    flaw("AS-AUTHZ-02", "a longer redirect URI", accepts_any_redirect="longer"),
    flaw("AS-AUTHZ-02", "one port only", config=replace(HONEST, any_loopback_port=False), severity=LOW),
    flaw("AS-AUTHZ-03", "doubled parameters", takes_doubled_parameters=True),
    flaw("AS-AUTHZ-03", "unknown parameters", around=refusing_extras),
    flaw("AS-AUTHZ-04", "another state", wrong_state=True),
    flaw("AS-AUTHZ-05", "another issuer", wrong_iss=True, severity=CRITICAL),
    flaw("AS-AUTHZ-05", "no iss, and none promised", config=replace(HONEST, iss_parameter=False)),
    flaw("AS-AUTHZ-06", "a promise that is not kept", missing_iss=True, must_also=("AS-AUTHZ-05",)),
    flaw(
        "AS-AUTHZ-06",
        "iss without a promise",
        metadata_override={"authorization_response_iss_parameter_supported": ABSENT},
        severity=MEDIUM,
    ),
    flaw("AS-AUTHZ-07", "an echo", echoes_parameters=True),
    flaw("AS-AUTHZ-07", "two codes", duplicate_code=True),
    flaw("AS-AUTHZ-08", "307", consent_status=307),
    flaw("AS-AUTHZ-11", "silent approval", approves_silently=True),
    flaw("AS-AUTHZ-13", "an open redirector", forwards_errors=True),
    flaw("AS-GRANT-01", "any response_type", takes_any_response_type=True, says="response_type=token"),
    flaw("AS-GRANT-01", "the password grant", knows_password_grant=True, says="password"),
    # codes
    flaw("AS-CODE-01", "a reusable code", code_reusable=True),
    flaw("AS-CODE-02", "a replay without consequences", replay_forgiven=True),
    flaw(
        "AS-CODE-03",
        "a code of eleven minutes",
        config=replace(HONEST, code_lifetime=660),
        options=PATIENT,
        says="ten and a half minutes",
    ),
    flaw("AS-CODE-04", "a code for any client", code_for_any_client=True, says="another client"),
    flaw("AS-CODE-04", "a code for any redirect_uri", code_for_any_redirect=True, says="redirect_uri"),
    # tokens
    flaw("AS-TOK-01", "kept in caches", around=sending("/token", Cache_Control="max-age=60")),
    flaw("AS-TOK-01", "no token_type", token_override={"token_type": ABSENT}),
    flaw("AS-TOK-02", "two hours", config=replace(HONEST, access_token_lifetime=7200), severity=MEDIUM),
    flaw("AS-TOK-02", "two days", config=replace(HONEST, access_token_lifetime=172800), severity=HIGH),
    flaw("AS-TOK-02", "no lifetime", expires_in=ABSENT, severity=HIGH),
    flaw("AS-TOK-03", "numbered codes", counts_codes=True, says="code"),
    flaw("AS-TOK-04", "no signature", config=JWT, jwt_override={"alg": "none"}, severity=CRITICAL),
    flaw("AS-TOK-04", "no type", config=JWT, jwt_override={"typ": "JWT"}, severity=MEDIUM),
    flaw("AS-TOK-04", "no end", config=JWT, jwt_override={"exp": ABSENT}, severity=HIGH),
    flaw(
        "AS-TOK-05",
        "two audiences",
        config=JWT,
        jwt_override={"aud": ["https://graph.example"]},
        must_also=("RS-TOK-06",),
    ),
    flaw("AS-TOK-06", "more than asked", token_override={"scope": "mcp:tools mcp:admin"}),
    flaw("AS-TOK-07", "GET", around=reading_urls),
    flaw("AS-TOK-07", "an unknown grant breaks it", around=stumbling),
    # refresh tokens, revocation
    flaw("AS-RT-01", "no rotation", config=replace(HONEST, rotate=False)),
    flaw("AS-RT-02", "no reuse detection", no_reuse_detection=True, severity=HIGH),
    flaw("AS-RT-02", "reuse works", no_reuse_detection="accepted", severity=CRITICAL),
    flaw("AS-RT-03", "a refresh token for any client", refresh_for_any_client=True),
    flaw("AS-RT-04", "a wider scope", refresh_widens=True),
    flaw("AS-REV-01", "revocation does nothing", revoke_does_nothing=True),
    flaw(
        "AS-REV-01",
        "access tokens survive",
        revoke_keeps_access=True,
        must_also=("RS-TOK-04",),
        says="access token",
    ),
    flaw("AS-REV-01", "anybody revokes", anybody_revokes=True, says="another client"),
    flaw(
        "AS-REV-01",
        "no revocation",
        metadata_override={"revocation_endpoint": ABSENT},
        severity=LOW,
    ),
    flaw(
        "AS-INTRO-01",
        "introspection for everybody",
        around=introspecting,
    ),
    # clients
    flaw("AS-CLI-01", "the secret is not asked for", ignores_secret=True, must_also=("AS-RT-03",)),
    flaw("AS-CLI-01", "guessing without end", never_throttles=True, severity=LOW),
    flaw("AS-CLI-03", "anything is registered", registers_any_redirect=True, severity=CRITICAL),
    flaw("AS-CLI-04", "a registration for everybody", registration_unguarded=True, severity=HIGH),
    flaw("AS-CLI-04", "a secret without an end", around=saying("/register", client_secret_expires_at=ABSENT)),
    flaw("AS-CLI-04", "a secret in caches", around=sending("/register", Cache_Control="max-age=60")),
    flaw("AS-DPOP-01", "proofs that nobody looks at", config=DPOP, believes_proofs=True, says="an hour ago"),
    flaw("AS-DPOP-01", "a bearer token for a proof", config=DPOP, token_type="Bearer", says="token_type"),
    # client assertions
    unchecked("exp", "that has expired"),
    unchecked("no exp", "without exp"),
    unchecked("aud", "for another audience"),
    unchecked("sub", "about another client"),
    unchecked("alg", "without a signature"),
    unchecked("signature", "that another key signed"),
    unchecked("jti", "used before"),
    unchecked("jti", "used before", config=replace(KEYS, grants=())),
    unchecked("token endpoint", "audience may be the token endpoint", severity=Severity.INFO),
    # pushed requests
    flaw("AS-PAR-01", "one for any client", config=PAR, pushed_for_any_client=True, says="another client"),
    flaw("AS-PAR-01", "one for ever", config=PAR, pushed_lasts=True, says="expired"),
    flaw("AS-PAR-01", "one for two logins", config=PAR, pushed_reusable=True, says="finished"),
    flaw("AS-PAR-01", "the address counts", config=PAR, query_overrides_pushed=True, says="state"),
    flaw("AS-PAR-01", "anybody pushes", config=PAR, anybody_pushes=True, says="client secret"),
    flaw("AS-PAR-01", "numbered names", config=PAR, counts_pushed=True, says="bits"),
    flaw("AS-PAR-01", "an hour", config=replace(PAR, par_lifetime=3600), says="3600"),
    flaw("AS-DEV-01", "polling without end", polls_freely=True, severity=LOW),
    flaw("AS-DEV-01", "a day to guess", around=saying("/device_authorization", expires_in=86400)),
    flaw("AS-PROXY-01", "no consent of its own", around=forwarding),
    # the MCP server
    flaw("RS-TOK-01", "garbage", lets_in=lambda request: bearer(request) == "null"),
    flaw("RS-TOK-02", "no signature", config=JWT, lets_in=unsigned),
    flaw("RS-TOK-03", "HS256 with what everybody knows", config=JWT, lets_in=symmetric),
    flaw("RS-TOK-05", "a token for another resource", config=JWT, lets_in=elsewhere),
    flaw(
        "RS-TOK-06",
        "a token without an audience",
        config=JWT,
        jwt_override={"aud": ABSENT},
        must_also=("AS-TOK-04", "AS-TOK-05"),
    ),
    flaw(
        "RS-TOK-04",
        "tokens without an end",
        revoke_keeps_access=True,
        must_also=("AS-REV-01",),
        says="revoked login",
    ),
    flaw("RS-TOK-07", "a refresh token", lets_in=issued("rt-")),
    flaw("RS-TOK-07", "a code", lets_in=issued("code-")),
    flaw("RS-TOK-08", "a token in the query", lets_in=lambda request: "access_token" in request.query),
    flaw("RS-TOK-09", "ping", lets_in=lambda request: b'"ping"' in request.body and not bearer(request)),
    flaw(
        "RS-TOK-11",
        "a bound token as bearer",
        config=DPOP,
        lets_in=lambda request: bearer(request).startswith("at-") and "dpop" not in request.headers,
    ),
    flaw(
        "RS-SESS-01",
        "a session id is enough",
        around=session_ids(lambda number: f"{number}-{'x' * 40}"),
        lets_in=lambda request: "mcp-session-id" in request.headers,
        must_also=("RS-SESS-02",),
    ),
    flaw("RS-SESS-02", "counted", around=session_ids(str)),
    flaw("RS-HTTP-04", "a public answer", around=sending("/mcp", Cache_Control="public, max-age=60")),
)
