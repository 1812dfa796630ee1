"""Runs of clients that never ran, for the tests of rules."""

from __future__ import annotations

from urllib.parse import urlencode

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.client import Answer, ClientEvidence, Place, Run
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Kind, Rule
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.url import EndpointUrl

MCP, AS = "http://127.0.0.1:1", "http://127.0.0.1:2"
CALLBACK = "http://127.0.0.1:3/callback"
HERE = Place(
    f"{MCP}/mcp",
    AS,
    f"{MCP}/mcp",
    f"{MCP}/.well-known/oauth-protected-resource/mcp",
    ("code-of-the-laboratory",),
    ("token-of-the-laboratory",),
)
CHALLENGE, VERIFIER = (
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
)
ASKED = {
    "response_type": "code",
    "client_id": "c",
    "redirect_uri": CALLBACK,
    "state": "Jk7yQ0mZ3p4aT8sV1uXnRbL5cWdEfGhI2oKqM6tN9xY",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "resource": f"{MCP}/mcp",
}


def exchange(
    method: str,
    url: str,
    status: int = 200,
    *,
    form: dict[str, str] | None = None,
    body: bytes | None = None,
    **headers: str,
) -> Exchange:
    """Return a request that arrived."""
    kind = {"content-type": "application/x-www-form-urlencoded"} if form else {}
    sent = tuple({**kind, **{name.replace("_", "-"): value for name, value in headers.items()}}.items())
    content = urlencode(form).encode() if form else body
    request = HttpRequest(method, EndpointUrl(url), sent, content)
    came = HttpResponse(url, status, (), b"", 1.0)
    return Exchange(1, "test", method, url, request, came, "answered", "", 1.0, 0.0)


def opened(**changes: str | None) -> str:
    """Return an authorization URL of a good client, with changes; None drops a parameter."""
    wanted = {**ASKED, **changes}
    return f"{AS}/authorize?" + urlencode(
        {name: value for name, value in wanted.items() if value is not None}
    )


def redemption(code: str = "code-of-the-laboratory", **changes: str) -> Exchange:
    """Return a token request with a code."""
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, **changes}
    return exchange("POST", f"{AS}/token", form=form)


def call(status: int = 200, token: str = "token-of-the-laboratory") -> Exchange:
    """Return a request to the MCP server."""
    return exchange("POST", f"{MCP}/mcp", status, authorization=f"Bearer {token}")


DISCOVERY = (
    exchange("POST", f"{MCP}/mcp", 401),
    exchange("GET", f"{MCP}/.well-known/oauth-protected-resource/mcp"),
    exchange("GET", f"{AS}/.well-known/oauth-authorization-server"),
)


def run(
    scenario: str = "LAB-00",
    *exchanges: Exchange,
    opened: tuple[str, ...] = (),
    answers: tuple[Answer, ...] = (),
    output: str = "",
    notes: tuple[str, ...] = (),
) -> Run:
    """Return a run with these requests after those of the discovery."""
    return Run(
        scenario,
        "something misbehaves",
        (HERE,),
        (*DISCOVERY, *exchanges),
        opened,
        answers,
        stdout=output,
        notes=notes,
    )


WORKED = run("LAB-00", redemption(), call(), opened=(opened(),), answers=(Answer("", "GET", CALLBACK, 200),))


def judged(rule: Rule, *runs: Run) -> Judgement:
    """Apply a rule to runs."""
    evidence = ClientEvidence(("client", "{url}"), runs)
    return judge([rule], {Kind.CLIENT: evidence}, (Kind.CLIENT,))[0]
