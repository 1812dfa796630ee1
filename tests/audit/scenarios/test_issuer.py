"""LAB-14 to LAB-16: what becomes of the answer's `iss` and code, and the two servers of a mix-up."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.marks import FORGED_CODE, FORGED_LINE, STRANGER
from mcp_vacuum.audit.scenarios.issuer import SCENARIOS
from mcp_vacuum.audit.scenarios.scenario import HONEST, Stage
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.lab.grants import s256
from mcp_vacuum.lab.messages import Request, redirect

ISS = "http://127.0.0.1:2/tenant"
BACK = "http://127.0.0.1:3/callback?" + urlencode({"code": "c", "state": "s", "iss": ISS})
NOWHERE = "http://127.0.0.1:9/callback"


def staged(name: str, *labs: Lab) -> Stage:
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    stage = Stage(labs, lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 200))
    scenario.arrange(stage)
    return stage


@pytest.mark.parametrize(
    ("name", "parameter", "values"),
    [
        ("LAB-14/case", "iss", ["HTTP://127.0.0.1:2/tenant"]),
        ("LAB-14/slash", "iss", [f"{ISS}/"]),
        ("LAB-14/percent", "iss", ["http://127.0.0.1:2/%74enant"]),
        ("LAB-14/two-codes", "code", ["c", FORGED_CODE]),
        ("LAB-14/two-codes-turned", "code", [FORGED_CODE, "c"]),
        ("LAB-14/two-states", "state", ["s", "x" * 43]),
        ("LAB-14/two-iss", "iss", [ISS, STRANGER]),
        ("LAB-14/two-iss-turned", "iss", [STRANGER, ISS]),
        ("LAB-15/stranger", "error_description", [FORGED_LINE]),
        ("LAB-15/stranger", "state", ["s"]),
        ("LAB-15/stranger", "iss", [STRANGER]),
    ],
)
def test_the_answer_is_changed(name: str, parameter: str, values: list[str]) -> None:
    response = staged(name).twists[0](Request("POST", "/consent", {}, {}), lambda _: redirect(BACK))
    pairs = parse_qsl(urlsplit(dict(response.headers)["Location"]).query)

    assert [value for key, value in pairs if key == parameter] == values


def test_a_mix_up_brings_a_code_of_the_honest_server_and_its_name() -> None:
    with Lab(HONEST) as attacker, Lab(HONEST) as honest:
        stage = staged("LAB-16/mix-up", attacker, honest)
        honest.add_client("c", redirect_uris=(NOWHERE,))
        honest.faults.around = stage.twists[1]
        attacker.faults.around = stage.twists[0]
        asked = {
            "client_id": "c",
            "redirect_uri": NOWHERE,
            "response_type": "code",
            "state": "s",
            "code_challenge": s256("v" * 43),
            "code_challenge_method": "S256",
            "resource": attacker.resource,
        }
        end = dict(parse_qsl(urlsplit(User().visit(f"{attacker.issuer}/authorize?{urlencode(asked)}")).query))

        assert end["code"] in honest.issued_codes
        assert end["iss"] == honest.issuer


def test_the_metadata_changes_only_once_the_browser_is_away() -> None:
    with Lab(HONEST) as lab, Lab(HONEST) as other:
        stage = staged("LAB-16/late", lab, other)
        assert not lab.faults.resource_metadata_override
        stage.twists[0](Request("GET", "/authorize", {}, {}), lambda _: redirect(BACK))

        assert lab.faults.wrong_iss == other.issuer
        assert lab.faults.resource_metadata_override == {"authorization_servers": [other.issuer]}
