"""LAB-20, LAB-24 and LAB-29: token responses of every kind, rotation, refresh tokens that end, and DPoP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mcp_vacuum.audit.marks import UNSIGNED
from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage
from mcp_vacuum.lab.faults import ABSENT
from mcp_vacuum.lab.messages import App, Request, Response

HUGE = 10**12
"""Seconds: more than any clock can take."""


def typed(name: str, what: str, said: str) -> Scenario:
    """Return a scenario with another `token_type`."""
    return Scenario(f"LAB-20/{name}", what, faults={"token_override": {"token_type": said}})


def _lasting(name: str, what: str, said: object) -> Scenario:
    return Scenario(f"LAB-20/{name}", what, faults={"expires_in": said})


def after_calls(*numbers: int, then: Callable[[Stage], None]) -> Arrange:
    """Do something after the MCP server answered so many calls with a token."""

    def arrange(stage: Stage) -> None:
        answered: list[Request] = []

        def twist(request: Request, app: App) -> Response:
            response = app(request)
            if request.path == "/mcp" and response.status < 300 and "authorization" in request.headers:
                with stage.lock:
                    answered.append(request)
                    due = len(answered) in numbers
                if due:
                    then(stage)
            return response

        stage.twist(twist)

    return arrange


def expire(stage: Stage) -> None:
    """End the access tokens, not the refresh tokens."""
    stage.lab.expire_access_tokens()


def revoke(stage: Stage) -> None:
    """End everything that was granted."""
    stage.lab.revoke_everything()


def to_the_other(stage: Stage) -> None:
    """Start the client once more, with the URL of the other MCP server."""
    stage.url = stage.other.mcp_url


def two_at_once(stage: Stage) -> None:
    """End the access tokens, and start the client twice at the same time."""
    stage.lab.expire_access_tokens()
    stage.lab.faults.token_delay = 1.0  # both have read what is stored before one of them has stored anew
    stage.at_once = 2


def nothing(_: Stage) -> None:
    """Start the client once more, as it is."""


SCENARIOS = (
    typed("n-a", "the token's type is N_A", "N_A"),
    typed("mac", "the token's type is mac", "mac"),
    typed("untyped", "the token has no type", ABSENT),
    typed("upper-case", "the token's type is written BEARER", "BEARER"),
    Scenario(
        "LAB-20/dpop-lost",
        "the server answers a request with a DPoP proof with a plain bearer token",
        config=replace(HONEST, dpop=True),
        faults={"token_type": "Bearer"},
    ),
    _lasting("unlimited", "the token's lifetime is missing", ABSENT),
    _lasting("zero", "the token's lifetime is 0", 0),
    _lasting("negative", "the token's lifetime is negative", -1),
    _lasting("text", "the token's lifetime is a text", "1800"),
    _lasting("huge", f"the token's lifetime is {HUGE} seconds", HUGE),
    Scenario(
        "LAB-20/id-token",
        "an unsigned ID token of another issuer comes with the access token",
        faults={"token_override": {"id_token": UNSIGNED}},
    ),
    Scenario(
        "LAB-20/two",
        "the client uses one MCP server, then another, which has a server of its own",
        others=(HONEST,),
        again=(to_the_other,),
    ),
    Scenario(
        "LAB-20/no-refresh",
        "there is no refresh token, and the access token ends after two calls",
        config=replace(HONEST, issue_refresh_token=False),
        arrange=after_calls(2, then=expire),
    ),
    Scenario(
        "LAB-24/rotation",
        "the access token ends twice, and the refresh token is replaced each time",
        arrange=after_calls(2, 3, then=expire),
    ),
    Scenario(
        "LAB-24/restart",
        "the access token ends between three starts, and the refresh token is replaced each time",
        again=(expire, expire),
    ),
    Scenario(
        "LAB-24/together",
        "the access token ends, and two processes of the client start at once",
        again=(two_at_once,),
    ),
    Scenario(
        "LAB-24/invalid-grant",
        "the refresh token is refused with invalid_grant",
        arrange=after_calls(2, then=revoke),
    ),
    Scenario(
        "LAB-24/invalid-grant-restart",
        "between two starts everything that was granted ends",
        again=(revoke, nothing),
    ),
    Scenario(
        "LAB-29/dpop",
        "the server wants tokens that are bound to a key (DPoP)",
        config=replace(HONEST, dpop=True, dpop_required=True),
    ),
    Scenario(
        "LAB-29/nonces",
        "both servers want a nonce in each DPoP proof",
        config=replace(HONEST, dpop=True, dpop_required=True, dpop_nonces=True),
    ),
)
