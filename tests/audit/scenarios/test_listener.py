"""LAB-17: who asks the listener, and what."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.marks import AFTER_LOGIN, ELSEWHERE, FORGED_CODE, MARKUP, NO_OTHER_ADDRESS, STRAY
from mcp_vacuum.audit.scenarios import listener
from mcp_vacuum.audit.scenarios.listener import LONG, SCENARIOS, has_address
from mcp_vacuum.audit.scenarios.scenario import Scenario, Stage
from mcp_vacuum.lab.messages import Request, redirect

BACK = "http://127.0.0.1:3/callback"
OPENED = "http://127.0.0.1:2/authorize?" + urlencode({"redirect_uri": BACK, "state": "abc"})


def scenario(name: str) -> Scenario:
    (found,) = (each for each in SCENARIOS if each.name == f"LAB-17/{name}")
    return found


def played(name: str, *statuses: int) -> tuple[list[tuple[str, str, str]], Stage]:
    """Play the person; the listener answers its probes with these, then 200."""
    told, left = [], list(statuses)

    def request(purpose: str, method: str, url: str) -> Answer:
        told.append((purpose, method, url))
        return Answer(purpose, method, url, left.pop(0) if left else 200)

    def visit(url: str) -> str:
        told.append(("visit", "GET", url))
        return url

    stage = Stage((), visit, request)
    scenario(name).person(stage, OPENED)
    return told, stage


@pytest.mark.parametrize(
    ("name", "method", "path", "state"),
    [
        ("path", "GET", "/favicon.ico", "abc"),
        ("post", "POST", "/callback", "abc"),
        ("head", "HEAD", "/callback", "abc"),
        ("state", "GET", "/callback", "xxx"),
    ],
)
def test_a_stray_request_comes_before_the_answer(name: str, method: str, path: str, state: str) -> None:
    (stray, visit), _ = played(name)
    parts = urlsplit(stray[2])

    assert stray[:2] == (STRAY, method)
    assert (parts.path, parse_qs(parts.query)) == (path, {"code": [FORGED_CODE], "state": [state]})
    assert visit == ("visit", "GET", OPENED)


def test_a_long_query_is_long_and_carries_no_code() -> None:
    ((_, _, url), _), _ = played("long")

    assert len(url) > LONG
    assert "code=" not in url


def test_a_listener_that_is_not_there_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_PAUSE", 0)
    told, _ = played("path", 0, 0, 404)

    assert [purpose for purpose, _, _ in told] == [STRAY, STRAY, STRAY, "visit"]


def test_the_listener_is_asked_after_the_login_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_LATER", 0)
    told, _ = played("after")

    assert told == [("visit", "GET", OPENED), (AFTER_LOGIN, "GET", BACK)]


def test_another_address_is_asked_on_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "has_address", lambda address: True)
    told, stage = played("address")
    assert (told[0][2], stage.notes) == ("http://127.0.0.2:3/favicon.ico", [])

    monkeypatch.setattr(listener, "has_address", lambda address: False)
    told, stage = played("address")
    assert ([each[0] for each in told], stage.notes) == (["visit"], [NO_OTHER_ADDRESS])


def test_an_address_is_ours_or_not() -> None:
    assert has_address("127.0.0.1")
    assert not has_address("192.0.2.1")


def test_the_answer_carries_baits() -> None:
    _, stage = played("page")
    scenario("page").arrange(stage)
    answer = stage.twists[0](Request("POST", "/consent", {}, {}), lambda _: redirect(f"{BACK}?code=c"))
    query = parse_qs(urlsplit(dict(answer.headers)["Location"]).query)

    assert (query["code"], query["next"], query["hint"]) == (["c"], [ELSEWHERE], [MARKUP])
