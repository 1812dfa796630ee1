"""LAB-06, LAB-07 and LAB-09: what a client gets to see."""

from __future__ import annotations

import gzip
import json
from contextlib import ExitStack
from typing import Any

import pytest

from mcp_vacuum.audit.scenarios.metadata import BIG, HOPS, OTHER_ISSUER, SCENARIOS, UNPACKED
from mcp_vacuum.lab.messages import Request, json_response
from tests.audit.scenarios.test_discovery import Played

OAUTH = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    ("variant", "place", "named"),
    [
        ("other-host", OAUTH, lambda issuer: OTHER_ISSUER),
        ("case", OAUTH, lambda issuer: issuer.replace("127.0.0.1", "LOCALHOST")),
        ("percent", f"{OAUTH}/tenant", lambda issuer: issuer.replace("/tenant", "/%74enant")),
        ("slash", OAUTH, lambda issuer: f"{issuer}/"),
    ],
)
def test_the_issuer_is_another(variant: str, place: str, named: Any) -> None:
    with ExitStack() as stack:
        on = Played(f"LAB-06/{variant}", stack)
        issuer = on.stage.lab.issuer
        document = json.loads(on.get(issuer.removesuffix("/tenant") + place)[1])

        assert document["issuer"] == named(issuer)


def changed(variant: str) -> bytes:
    """The metadata of a scenario, as it leaves its twist."""
    with ExitStack() as stack:
        on = Played(f"LAB-07/{variant}", stack)
        document = json_response({"issuer": "i"})
        return on.stage.twists[0](Request("GET", OAUTH, {}, {}), lambda _: document).body


def test_the_bomb_is_small_until_it_is_unpacked() -> None:
    bomb = changed("bomb")

    assert len(bomb) < BIG / 10
    assert len(gzip.decompress(bomb)) > UNPACKED > BIG


def test_the_nesting_is_deep_and_the_document_otherwise_whole() -> None:
    nested = changed("nested")

    assert nested.count(b"[") == nested.count(b"]") == 10_000
    assert nested.endswith(b'"issuer": "i"}')


def test_the_array_holds_the_document() -> None:
    assert json.loads(changed("array")) == [{"issuer": "i"}]


def test_every_hop_leads_to_the_next_and_the_last_to_the_document() -> None:
    with ExitStack() as stack:
        on = Played("LAB-09/hops", stack)
        url, hops = on.stage.lab.issuer + OAUTH, 0
        while (answer := on.get(url)[0]).status == 302:
            url, hops = answer.headers["Location"], hops + 1

        assert (hops, answer.status) == (HOPS, 200)


def test_the_other_origin_answers_with_the_same_document() -> None:
    with ExitStack() as stack:
        on = Played("LAB-09/origin", stack)
        target = on.get(on.stage.lab.issuer + OAUTH)[0].headers["Location"]

        assert target == on.stage.other.issuer + OAUTH
        assert json.loads(on.get(target)[1])["issuer"] == on.stage.lab.issuer


def test_the_token_request_is_sent_elsewhere() -> None:
    with ExitStack() as stack:
        on = Played("LAB-09/token", stack)
        answer = on.get(f"{on.stage.lab.issuer}/token", "POST")[0]

        assert (answer.status, answer.headers["Location"]) == (307, f"{on.stage.other.issuer}/token")


def test_a_drip_is_waited_for_longer_than_a_silence() -> None:
    (drip,) = (each for each in SCENARIOS if each.name == "LAB-07/drip")

    assert drip.quiet > max(each.quiet for each in SCENARIOS if each is not drip)
