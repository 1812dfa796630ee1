"""LAB-21: https outside, the laboratory's own origins inside."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

from mcp_vacuum.audit.evidence.client import CONNECTED, Answer
from mcp_vacuum.audit.scenarios.certificates import SCENARIOS, TRUST, a_person_inside
from mcp_vacuum.audit.scenarios.scenario import Stage
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import Request, Response, json_response, redirect


def arranged(stack: ExitStack, folder: Path, name: str = "good") -> Stage:
    (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-21/{name}")
    lab = stack.enter_context(Lab(scenario.config))
    stage = Stage(
        (lab,),
        lambda url: url,
        lambda purpose, method, url: Answer(purpose, method, url, 0),
        folder=folder,
        stack=stack,
    )
    scenario.arrange(stage)
    return stage


def test_the_client_is_told_of_https_and_of_the_authority(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = arranged(stack, tmp_path)

        assert stage.url.startswith("https://localhost:")
        assert stage.url.endswith("/mcp")
        assert set(stage.environment) == set(TRUST)
        assert all(Path(value).exists() for value in stage.environment.values())


def test_answers_speak_of_https_and_requests_mean_the_laboratory(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = arranged(stack, tmp_path)
        inside = stage.lab.issuer
        (outside,) = (f"https://{there}" for there, here in stage.aliases.items() if here in inside)
        seen: list[Request] = []

        def app(request: Request) -> Response:
            seen.append(request)
            return json_response(
                {"issuer": inside}, headers=(("Location", f"x?iss={quote(inside, safe='')}"),)
            )

        asked = Request("GET", "/", {"resource": (outside,)}, {"host": outside.removeprefix("https://")})
        answer = stage.twists[0](asked, app)

        assert json.loads(answer.body) == {"issuer": outside}
        assert dict(answer.headers)["Location"] == f"x?iss={quote(outside, safe='')}"
        assert seen[0].query == {"resource": (inside,)}
        assert seen[0].headers["host"] == inside.removeprefix("http://")


def test_the_person_goes_inside(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = arranged(stack, tmp_path)
        visited: list[str] = []

        def visit(url: str) -> str:
            visited.append(url)
            return url

        stage.visit = visit
        (there, here), *_ = stage.aliases.items()
        a_person_inside(stage, f"https://{there}/authorize?x=1")

        assert visited == [f"http://{here}/authorize?x=1"]


def test_it_is_noted_whether_the_client_connected(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = arranged(stack, tmp_path, "unknown")
        for finish in stage.ending:
            finish()
        assert stage.notes == []

        with socket.create_connection(("127.0.0.1", int(urlsplit(stage.url).port or 0))):
            while not stage.notes:
                stage.ending[0]()
        assert stage.notes[0] == CONNECTED


def test_redirects_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = arranged(stack, tmp_path)
        back = "http://127.0.0.1:1/callback?code=c"
        answer = stage.twists[0](Request("GET", "/", {}, {}), lambda _: redirect(back))

        assert dict(answer.headers)["Location"] == back
