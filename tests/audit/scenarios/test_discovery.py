"""LAB-01 to LAB-05: what a client gets to see."""

from __future__ import annotations

from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from mcp_vacuum.audit.evidence.client import CUSTOM_METADATA, Answer
from mcp_vacuum.audit.scenarios import SCENARIOS
from mcp_vacuum.audit.scenarios.scenario import Stage
from mcp_vacuum.lab import Lab


class Played:
    """A scenario, set up without a client."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        (scenario,) = (each for each in SCENARIOS if each.name == name)
        labs = tuple(stack.enter_context(Lab(config)) for config in (scenario.config, *scenario.others))
        self.stage = Stage(
            labs, lambda url: url, lambda purpose, method, url: Answer(purpose, method, url, 0)
        )
        for number, lab in enumerate(labs):
            lab.faults.around = self._before(number)
        for switch, value in scenario.faults.items():
            setattr(labs[0].faults, switch, value)
        scenario.arrange(self.stage)

    def _before(self, number: int) -> Any:
        def answer(request: Any, app: Any) -> Any:
            twist = self.stage.twists.get(number)
            return twist(request, app) if twist else app(request)

        return answer

    @property
    def mcp(self) -> str:
        return self.stage.lab.mcp_url.removesuffix("/mcp")

    def get(self, url: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=5)
        connection.request(method, parts.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def status(self, url: str, method: str = "GET") -> int:
        return self.get(url, method)[0].status


@pytest.mark.parametrize("variant", ["two-lines", "one-line", "quoting", "case"])
def test_only_the_challenge_tells_where_the_metadata_lies(variant: str) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-01/{variant}", stack)
        lines = on.get(on.stage.lab.mcp_url, "POST")[0].headers.get_all("WWW-Authenticate", [])

        assert f'="{on.mcp}{CUSTOM_METADATA}"' in lines[-1]
        assert len(lines) == (2 if variant == "two-lines" else 1)
        assert on.status(on.mcp + CUSTOM_METADATA) == 200
        assert on.status(on.stage.lab.resource_metadata_url) == 404


def test_the_decoys_answer() -> None:
    with ExitStack() as stack:
        on = Played("LAB-02/challenge", stack)

        for path in ("", "/mcp"):
            assert on.status(f"{on.mcp}/.well-known/oauth-protected-resource{path}") == 200


@pytest.mark.parametrize(("variant", "path", "root"), [("path", 200, 404), ("root", 404, 200)])
def test_without_a_hint_one_of_two_places_answers(variant: str, path: int, root: int) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-02/{variant}", stack)
        well_known = f"{on.mcp}/.well-known/oauth-protected-resource"

        assert (on.status(f"{well_known}/mcp"), on.status(well_known)) == (path, root)
        assert "resource_metadata" not in on.get(on.stage.lab.mcp_url)[0].headers["WWW-Authenticate"]


@pytest.mark.parametrize(("variant", "ending"), [("origin", ""), ("sibling", "/other")])
def test_the_metadata_names_another_resource(variant: str, ending: str) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-03/{variant}", stack)
        body = on.get(on.stage.lab.resource_metadata_url)[1].decode()

        assert f'"resource": "{on.mcp}{ending}"' in body


def test_the_traps_are_at_the_mcp_servers_origin_only() -> None:
    with ExitStack() as stack:
        on = Played("LAB-04", stack)

        assert on.status(f"{on.mcp}/.well-known/oauth-authorization-server") == 200
        assert on.status(f"{on.mcp}/register", "POST") == 400
        assert on.status(f"{on.stage.lab.issuer}/.well-known/openid-configuration") == 404


@pytest.mark.parametrize(
    ("variant", "places"),
    [
        (
            "third",
            [
                "/.well-known/oauth-authorization-server/tenant",
                "/.well-known/openid-configuration/tenant",
                "/tenant/.well-known/openid-configuration",
            ],
        ),
        ("openid", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
    ],
)
def test_the_last_place_answers(variant: str, places: list[str]) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-05/{variant}", stack)
        origin = on.stage.lab.issuer.removesuffix("/tenant")

        assert [on.status(origin + place) for place in places] == [404] * (len(places) - 1) + [200]
