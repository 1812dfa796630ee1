"""LAB-14 to LAB-16: whose answer it is, hostile text in answers, and the mix-up of two servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlencode

from mcp_vacuum.audit.marks import (
    FORGED_CODE,
    FORGED_ERROR,
    FORGED_LINE,
    HOSTILE_TEXT,
    SCRIPT_URL,
    STRANGER,
)
from mcp_vacuum.audit.scenarios.registration import without_resource
from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage
from mcp_vacuum.audit.scenarios.state import Pairs, changed_answers
from mcp_vacuum.lab.faults import ABSENT
from mcp_vacuum.lab.messages import App, Request, Response, redirect, refused
from mcp_vacuum.lab.messages import Refusal as Refused

_SUPPORTED = "authorization_response_iss_parameter_supported"
_SILENT = replace(HONEST, iss_parameter=False)
_TENANT = replace(HONEST, issuer_path="/tenant")


def each(name: str, change: Callable[[str], Iterable[str]]) -> Arrange:
    """Replace each value of a parameter of the answer by the values that `change` makes of it."""

    def changed(pairs: Pairs) -> Pairs:
        return [(key, new) for key, value in pairs for new in (change(value) if key == name else [value])]

    return changed_answers(changed)


def _wrong(name: str, what: str, said: object) -> Scenario:
    return Scenario(
        f"LAB-14/{name}", what, faults={"wrong_iss": STRANGER, "metadata_override": {_SUPPORTED: said}}
    )


def _hostile(name: str, what: str, **faults: object) -> Scenario:
    return Scenario(f"LAB-15/{name}", what, faults={"hostile_text": HOSTILE_TEXT, **faults})


# --- LAB-15 ---------------------------------------------------------------------------------------------


def _stranger_refuses(stage: Stage) -> None:
    """Every answer is an error of another issuer, with words to be recognised by."""

    def changed(pairs: Pairs) -> Pairs:
        kept = [(name, value) for name, value in pairs if name == "state"]
        said = {"error": FORGED_ERROR, "error_description": FORGED_LINE, "error_uri": f"{STRANGER}/help"}
        return [*kept, *said.items(), ("iss", STRANGER)]

    changed_answers(changed)(stage)


def _hostile_names(stage: Stage) -> None:
    """Name the resource in hostile words; the client's own name and a tool's are by the same switch."""
    stage.lab.faults.resource_metadata_override = {"resource_name": HOSTILE_TEXT}


def _hostile_challenge(stage: Stage) -> None:
    """Refuse every call with a token, in hostile words."""

    def twist(request: Request, app: App) -> Response:
        if request.path != "/mcp" or "authorization" not in request.headers:
            return app(request)
        return refused(Refused("server_error", HOSTILE_TEXT, 400))

    stage.twist(twist)


# --- LAB-16 ---------------------------------------------------------------------------------------------


def _mix_up(stage: Stage) -> None:
    """The attacker's server sends the browser on to the honest one, with a client that is known there."""
    stage.twist(lambda request, app: _attacker(stage, request, app))
    stage.twist(without_resource, 1)


def _by_endpoint(stage: Stage) -> None:
    """The attacker's metadata names the honest server's authorization endpoint as its own."""
    _mix_up(stage)
    stage.lab.faults.metadata_override = {"authorization_endpoint": f"{stage.other.issuer}/authorize"}


def _attacker(stage: Stage, request: Request, app: App) -> Response:
    response = app(request)
    if request.path == "/register" and response.status == 201:
        _known_at_the_other(stage, response)
    if request.path == "/authorize" and "client_id" in request.query:
        return redirect(f"{stage.other.issuer}/authorize?{urlencode(dict(request.query), doseq=True)}", 302)
    if request.path == "/token":
        return refused(Refused("invalid_grant", "the attacker has what it wanted"))
    return response


def _known_at_the_other(stage: Stage, response: Response) -> None:
    client = json.loads(response.body)
    stage.other.add_client(client["client_id"], redirect_uris=client["redirect_uris"])


def _changes_its_mind(stage: Stage) -> None:
    """Once the browser was sent away, the metadata names another issuer, and so does the answer."""

    def twist(request: Request, app: App) -> Response:
        if request.path == "/authorize":
            stage.lab.faults.wrong_iss = stage.other.issuer
            stage.lab.faults.resource_metadata_override = {"authorization_servers": [stage.other.issuer]}
        return app(request)

    stage.twist(twist)


SCENARIOS = (
    _wrong("wrong", "the answer's iss is another issuer's, and the metadata promises iss", True),
    _wrong("wrong-false", "the answer's iss is another issuer's, and the metadata promises no iss", False),
    _wrong("wrong-absent", "the answer's iss is another issuer's, and the metadata says nothing", ABSENT),
    Scenario(
        "LAB-14/missing", "the answer lacks the iss that the metadata promises", faults={"missing_iss": True}
    ),
    Scenario("LAB-14/unpromised", "there is no iss, and the metadata promises none", config=_SILENT),
    Scenario(
        "LAB-14/case",
        "the answer's iss has its scheme in capitals",
        arrange=each("iss", lambda iss: [iss.replace("http:", "HTTP:")]),
    ),
    Scenario(
        "LAB-14/slash", "the answer's iss has a slash more", arrange=each("iss", lambda iss: [f"{iss}/"])
    ),
    Scenario(
        "LAB-14/percent",
        "the answer's iss has an encoded letter",
        config=_TENANT,
        arrange=each("iss", lambda iss: [iss.replace("/tenant", "/%74enant")]),
    ),
    Scenario(
        "LAB-14/two-codes",
        "the answer has two codes, the right one first",
        arrange=each("code", lambda code: [code, FORGED_CODE]),
    ),
    Scenario(
        "LAB-14/two-codes-turned",
        "the answer has two codes, the wrong one first",
        arrange=each("code", lambda code: [FORGED_CODE, code]),
    ),
    Scenario(
        "LAB-14/two-states",
        "the answer has two states, the right one first",
        arrange=each("state", lambda state: [state, "x" * 43]),
    ),
    Scenario(
        "LAB-14/two-iss",
        "the answer has two iss, the right one first",
        arrange=each("iss", lambda iss: [iss, STRANGER]),
    ),
    Scenario(
        "LAB-14/two-iss-turned",
        "the answer has two iss, the wrong one first",
        arrange=each("iss", lambda iss: [STRANGER, iss]),
    ),
    Scenario("LAB-15/stranger", "the answer is an error of another issuer", arrange=_stranger_refuses),
    _hostile(
        "answer",
        "the login ends with an error in hostile words",
        authorize_error="temporarily_unavailable",
        callback_override={"error_uri": (SCRIPT_URL,)},
    ),
    _hostile("token", "the token endpoint refuses in hostile words", token_error="invalid_request"),
    _hostile(
        "registration",
        "the registration is refused in hostile words",
        registration_error="invalid_client_metadata",
    ),
    Scenario(
        "LAB-15/names",
        "the resource, the client and a tool have hostile names",
        faults={"hostile_text": HOSTILE_TEXT},
        arrange=_hostile_names,
    ),
    Scenario(
        "LAB-15/server", "the MCP server refuses every call in hostile words", arrange=_hostile_challenge
    ),
    Scenario(
        "LAB-16/mix-up",
        "the server sends the browser on to another, honest server",
        config=_SILENT,
        others=(HONEST,),
        arrange=_mix_up,
    ),
    Scenario(
        "LAB-16/endpoint",
        "the server names an honest server's authorization endpoint",
        config=_SILENT,
        others=(HONEST,),
        arrange=_by_endpoint,
    ),
    Scenario(
        "LAB-16/late",
        "once the browser was sent away, the metadata and the answer name another issuer",
        others=(HONEST,),
        arrange=_changes_its_mind,
    ),
)
